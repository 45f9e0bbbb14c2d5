# Makes pairwise.json: what R finds in pairs of small simulated series, and p-values as it adjusts them. Run from
# the repository's root:
#   Rscript tests/oracles/pairwise.R
# R 4.2; stats and jsonlite. The Python tests read the JSON and need no R.
library(jsonlite)
set.seed(32)

n <- 50
fine <- list(x = round(runif(n, 0.6, 0.9), 6))
fine$y <- round(fine$x - 0.012 + rnorm(n, 0, 0.04), 6)
few <- list(x = fine$x[1:8], y = round(fine$x[1:8] + c(2, -1, 4, 3, 5, 6, -7, 8) / 100, 4))
# Rounded to two digits some differences tie and some are zero.
coarse <- list(x = round(fine$x[1:30], 2), y = round(fine$y[1:30], 2))
no_zeros <- list(x = coarse$x + ifelse(coarse$x == coarse$y, 0.01, 0), y = coarse$y)

signed_rank <- function(pair, exact) {
  d <- round(pair$x - pair$y, 12)
  test <- suppressWarnings(wilcox.test(d, exact = exact, correct = FALSE))
  above <- unname(test$statistic)
  ranked <- sum(d != 0)
  list(x = pair$x, y = pair$y, zeros = sum(d == 0), ties = ranked - length(unique(abs(d[d != 0]))),
       median_difference = median(d), statistic = min(above, ranked * (ranked + 1) / 2 - above), p = test$p.value)
}

# All 2^m signs of the ranks, each as likely as the next: the exact p where differences tie or are zero.
permuted <- function(pair) {
  d <- round(pair$x - pair$y, 12)
  ranks <- rank(abs(d[d != 0]))
  above <- as.matrix(expand.grid(rep(list(0:1), length(ranks)))) %*% ranks
  seen <- sum(ranks[d[d != 0] > 0])
  list(x = pair$x, y = pair$y, p = min(1, 2 * min(mean(above <= seen + 1e-9), mean(above >= seen - 1e-9))))
}
short <- list(x = coarse$x[1:11], y = coarse$y[1:11])

p <- round(c(runif(6, 0, 0.06), runif(6)), 5)
p[4] <- p[2]
p[9] <- NA
write_json(list(
  exact = signed_rank(fine, TRUE), exact_few = signed_rank(few, TRUE),
  zeros_and_ties = signed_rank(coarse, FALSE), ties = signed_rank(no_zeros, FALSE), permuted = permuted(short),
  p = p, p_adjusted = p.adjust(p, "BH")
), "tests/oracles/pairwise.json", digits = 10, auto_unbox = TRUE, na = "null")
