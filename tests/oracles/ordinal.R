# Makes ordinal.json: what R finds in ordinal models of 160 simulated people's change of EDSS. Run from the
# repository's root:
#   Rscript tests/oracles/ordinal.R
# R 4.2; stats, MASS (polr), ordinal (clm, nominal_test) and jsonlite. The Python tests read the JSON and need no R.
suppressMessages({library(MASS); library(ordinal); library(jsonlite)})
set.seed(7)
n <- 160
steps <- c(0, seq(1, 10, 0.5))
nearest <- function(x) steps[apply(abs(outer(x, steps, "-")), 1, which.min)]
people <- data.frame(
  participant_id = sprintf("sub-%03d", 1:n),
  sex = sample(c("F", "M"), n, TRUE, c(0.65, 0.35)),
  age_years = round(rnorm(n, 43, 12), 1),
  icv_z = round(rnorm(n), 3),
  steroids_since_last = rbinom(n, 1, 0.2),
  interval_years = round(rnorm(n, 0.96, 0.17), 2),
  delta_ml = round(rnorm(n, -0.1, 0.3), 3)
)
people$edss <- nearest(rgamma(n, 2, 0.8))
people$delta_edss <- nearest(people$edss + 1.2 * people$delta_ml + rnorm(n, 0.1, 0.9)) - people$edss
step <- ifelse(people$edss == 0, 1.5, ifelse(people$edss <= 5.5, 1, 0.5))
people$category <- ifelse(people$delta_edss >= step, 1, ifelse(people$delta_edss <= -step, -1, 0))
people$sex <- factor(people$sex)
slope <- function(model) {
  row <- coef(summary(model))["delta_ml", ]
  list(beta = row[[1]], se = row[[2]], statistic = row[[3]], p = 2 * pnorm(-abs(row[[3]])))
}
three <- ordered(people$category)
right <- ~ delta_ml + age_years + sex + icv_z + steroids_since_last + interval_years
odds <- update(right, three ~ .)
model <- clm(odds, data = people)
by_polr <- polr(odds, data = people, Hess = TRUE)
free <- clm(three ~ age_years + sex + icv_z + steroids_since_last + interval_years, nominal = ~ delta_ml, data = people)
ratio <- nominal_test(model)["delta_ml", ]
some <- people[people$category >= 0, ]
binary <- glm(update(right, category ~ .), binomial, some)
answer <- list(
  people = people,
  clm = c(slope(model), r2 = 1 - as.numeric(logLik(model)) / as.numeric(logLik(clm(three ~ 1)))),
  polr = slope(by_polr),
  nominal = list(chi2 = ratio[["LRT"]], p = ratio[["Pr(>Chi)"]],
                 loglike = as.numeric(logLik(free)), loglike_common = as.numeric(logLik(model))),
  counts = as.list(table(factor(three, labels = c("n_better", "n_stable", "n_worse")))),
  binary = slope(binary)
)
write(toJSON(answer, dataframe = "columns", digits = 10, auto_unbox = TRUE), "tests/oracles/ordinal.json")
