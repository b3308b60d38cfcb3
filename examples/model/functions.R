# A model that is fitted, or loaded with readRDS(), once: when the worker starts. Each
# invocation only predicts.
#
#   bootstrap local functions.predict_mpg
#   curl -d '{"wt": [2.5, 3.5], "hp": [100, 150]}' http://127.0.0.1:9000/2015-03-31/functions/function/invocations

model <- lm(mpg ~ wt + hp, data = mtcars)

# JSON arrays come as vectors, so one invocation can ask for many predictions.
predict_mpg <- function(wt, hp, level = 0.95) {
  if (!is.numeric(wt) || !is.numeric(hp) || length(wt) != length(hp)) {
    stop("wt and hp are numbers, and as many of one as of the other")
  }
  cars <- data.frame(wt = wt, hp = hp)
  cbind(cars, predict(model, cars, interval = "prediction", level = level))
}
