# Makes change.json: what R finds in a small simulated set of changes. Run from the repository's root:
#   Rscript tests/oracles/change.R
# R 4.2; stats, psych (r.test) and jsonlite. The Python tests read the JSON and need no R.
suppressPackageStartupMessages({library(psych); library(jsonlite)})
set.seed(8)

# Percentage changes of 60 people by three methods and of their brain; C is coarse, so that it ties with itself.
n <- 60
brain <- round(rnorm(n, -0.3, 0.5), 3)
A <- round(-0.3 + 1.5 * brain + rnorm(n), 5)
B <- round(0.7 * A + rnorm(n, 0.2), 5)
C <- round(rnorm(n, -0.4, 1.5) + 0.3 * A, 1)
coarse_A <- round(A, 1)
stopifnot(!anyDuplicated(round(abs(A - B), 8)), any(coarse_A == C))
changes <- data.frame(A, B, C, coarse_A, brain)

describe_one <- function(x) {
  q <- quantile(x, c(0.25, 0.5, 0.75), type = 7, names = FALSE)
  list(n = length(x), mean = mean(x), sd = sd(x), q1 = q[1], median = q[2], q3 = q[3])
}

# Exact for the first 40 people without ties; else the normal distribution, without continuity correction.
# Differences are rounded, so that what only rounding error tells apart ties.
wilcoxon <- function(x, y, exact) {
  difference <- round(x - y, 8)
  test <- suppressWarnings(wilcox.test(difference, exact = exact, correct = FALSE))
  ranked <- sum(difference != 0)
  V <- unname(test$statistic)
  list(n = length(x), median_difference = median(difference), statistic = min(V, ranked * (ranked + 1) / 2 - V),
       p = test$p.value)
}

correlation <- function(x) {
  test <- cor.test(x, brain)
  list(r = unname(test$estimate), low = test$conf.int[1], high = test$conf.int[2], p = test$p.value)
}

# Steiger's Z for correlations that overlap is psych's test of two that do not, with the common variable
# entered twice (r13 = 1) and the other two cross-correlations at the mean, as Steiger pools them.
compare <- function(x, y) {
  r_i <- cor(x, brain); r_j <- cor(y, brain); r_ij <- cor(x, y); mean_r <- (r_i + r_j) / 2
  williams <- r.test(n, r12 = r_i, r13 = r_j, r23 = r_ij)
  sign <- sign(r_i - r_j)  # some versions of psych give |t|
  steiger <- r.test(n, r12 = r_i, r34 = r_j, r13 = 1, r14 = mean_r, r23 = mean_r, r24 = r_ij)
  list(r_i = r_i, r_j = r_j, r_ij = r_ij, williams_t = sign * abs(williams$t), williams_p = williams$p,
       steiger_z = sign * abs(steiger$z), steiger_p = steiger$p)
}

p <- c(compare(A, B)$steiger_p, compare(A, C)$steiger_p, compare(B, C)$steiger_p)
found <- list(
  changes = changes,
  described = lapply(changes, describe_one),
  wilcoxon = list(exact = wilcoxon(A[1:40], B[1:40], TRUE), asymptotic = wilcoxon(A, B, FALSE),
                  ties_and_zeros = wilcoxon(coarse_A, C, FALSE)),
  correlation = list(A = correlation(A), B = correlation(B), C = correlation(C)),
  compared = list(AB = compare(A, B), AC = compare(A, C), BC = compare(B, C)),
  steiger_p_adjusted = p.adjust(p, "BH")
)
write_json(found, "tests/oracles/change.json", auto_unbox = TRUE, digits = NA, dataframe = "columns")
