# Makes agreement.json: what R finds in two small simulated series of volumes. Run from the repository's root:
#   Rscript tests/oracles/agreement.R
# R 4.2; stats, epiR (epi.ccc), psych (ICC) and jsonlite. The Python tests read the JSON and need no R.
suppressPackageStartupMessages({library(epiR); library(psych); library(jsonlite)})
set.seed(33)

# Volumes of 24 people (mL) by a rater and by a method that is too large and too much alike.
n <- 24
reference <- round(rnorm(n, 9.1, 1.9), 2)
volume <- round(10.2 + 0.6 * (reference - 9.1) + rnorm(n, 0, 1.1), 2)

# Six people and four judges: Shrout and Fleiss 1979, Table 2.
judges <- matrix(c(9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7), 6, byrow = TRUE)

intraclass <- function(ratings) {
  found <- ICC(ratings, lmer = FALSE)$results
  row <- function(type) unlist(found[found$type == type, c("ICC", "lower bound", "upper bound")], use.names = FALSE)
  list(icc_a1 = row("ICC2"), icc3 = row("ICC3"))
}

line <- function(y, x) {
  fit <- lm(y ~ x)
  list(slope = c(coef(fit)[[2]], confint(fit)["x", ]), intercept = coef(fit)[[1]], residual_sd = sigma(fit))
}

# With errors in both series the line is the first principal axis, once both errors have the same variance.
axis_slope <- function(y, x, ratio) {
  first <- prcomp(cbind(x, y / sqrt(ratio)))$rotation[, 1]
  sqrt(ratio) * unname(first[2] / first[1])
}
principal_axis <- function(y, x, ratio) {
  slope <- axis_slope(y, x, ratio)
  without <- sapply(seq_along(x), function(i) axis_slope(y[-i], x[-i], ratio))
  pseudo <- length(x) * slope - (length(x) - 1) * without
  slope + c(0, -1, 1) * qt(0.975, length(x) - 2) * sd(pseudo) / sqrt(length(x))
}

difference <- volume - reference
bias <- t.test(volume, reference, paired = TRUE)
concordance <- epi.ccc(volume, reference)$rho.c
write_json(list(
  volume = volume, reference = reference, judges = judges,
  ccc = unlist(concordance, use.names = FALSE),
  icc = intraclass(cbind(volume, reference)), icc_judges = intraclass(judges),
  least_squares = line(volume, reference),
  deming = list("1" = principal_axis(volume, reference, 1), "0.25" = principal_axis(volume, reference, 0.25)),
  bias = c(mean(difference), bias$conf.int), sd = sd(difference),
  ba_slope = line(difference, (volume + reference) / 2)$slope,
  pearson_r = cor(volume, reference)
), "tests/oracles/agreement.json", digits = 10, auto_unbox = TRUE, pretty = FALSE)
