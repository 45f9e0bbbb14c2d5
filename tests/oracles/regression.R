# Makes regression.json: what R finds in linear models of 60 simulated people. Run from the repository's root:
#   Rscript tests/oracles/regression.R
# R 4.2; stats, sandwich (vcovHC), lmtest (coeftest, bptest) and jsonlite. The Python tests read the JSON and need
# no R.
suppressMessages({library(sandwich); library(lmtest); library(jsonlite)})
set.seed(20)
n <- 60
people <- data.frame(
  participant_id = sprintf("sub-%02d", 1:n),
  group = sample(c("HC", "PMS", "RRMS"), n, TRUE, c(0.2, 0.2, 0.6)),
  sex = sample(c("F", "M"), n, TRUE, c(0.65, 0.35)),
  age_years = round(rnorm(n, 43, 12), 1),
  icv_z = round(rnorm(n), 3)
)
people$volume_ml <- round(13 - 0.04 * people$age_years + 0.5 * people$icv_z + rnorm(n), 3)
people$edss <- round(9 - 0.5 * people$volume_ml + rnorm(n) * exp(0.05 * (people$age_years - 43)), 2)
people$t25fw_s <- round(exp(2.2 - 0.05 * people$volume_ml + 0.01 * people$age_years + rnorm(n, sd = 0.2)), 2)
people$sex <- factor(people$sex)
people$group <- factor(people$group)

models <- list(
  edss = list(formula = edss ~ volume_ml + age_years + sex + icv_z, covariates = c("age_years", "sex", "icv_z")),
  t25fw_s = list(formula = log(t25fw_s) ~ volume_ml + age_years + sex + icv_z,
                 covariates = c("age_years", "sex", "icv_z")),
  group = list(formula = edss ~ volume_ml + age_years + sex + icv_z + group,
               covariates = c("age_years", "sex", "icv_z", "group"))
)
one <- function(model, vcov) {
  row <- coeftest(model, vcov. = vcov, df = df.residual(model))["volume_ml", ]
  ci <- coefci(model, vcov. = vcov, df = df.residual(model))["volume_ml", ]
  list(beta = row[[1]], se = row[[2]], statistic = row[[3]], p = row[[4]], beta_low = ci[[1]], beta_high = ci[[2]])
}
fitted_models <- lapply(models, function(entry) {
  model <- lm(entry$formula, people)
  without <- update(model, . ~ . - volume_ml)
  y <- model.response(model.frame(model))
  e <- resid(model)
  skewness <- mean((e - mean(e))^3) / mean((e - mean(e))^2)^1.5
  kurtosis <- mean((e - mean(e))^4) / mean((e - mean(e))^2)^2
  anova_table <- anova(without, model)
  list(
    covariates = entry$covariates, n = nobs(model),
    nonrobust = one(model, vcov(model)), HC3 = one(model, vcovHC(model, type = "HC3")),
    r2 = summary(model)$r.squared,
    partial_r2 = anova_table[["Sum of Sq"]][2] / anova_table[["RSS"]][1],
    beta_std = coef(model)[["volume_ml"]] * sd(people$volume_ml) / sd(y),
    breusch_pagan_p = bptest(model)$p.value[[1]],
    skewness = skewness,
    normal_p = pchisq(n / 6 * (skewness^2 + (kurtosis - 3)^2 / 4), 2, lower.tail = FALSE)
  )
})
model <- lm(models$edss$formula, people)
residuals <- list(fitted = unname(fitted(model)), residual = unname(resid(model)),
                  standardised = unname(rstandard(model)), quantile = qnorm(ppoints(n, a = 3 / 8))[rank(resid(model))])
answer <- list(people = people, models = fitted_models, residuals = residuals)
write(toJSON(answer, dataframe = "columns", digits = 10, auto_unbox = TRUE), "tests/oracles/regression.json")
