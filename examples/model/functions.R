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

# The same model as an API with the paths of vetiver: bootstrap local --http functions.serve
#
#   curl http://127.0.0.1:9000/metadata
#   curl -H 'Content-Type: application/json' -d '[{"wt": 2.5, "hp": 100}]' http://127.0.0.1:9000/predict

# The columns that the model needs, and their types.
prototype <- mtcars[0L, c("wt", "hp")]

serve <- function(cars = NULL, context) {
  switch(context$http$path,
    "/ping" = list(status = "online"),
    "/metadata" = list(model = class(model)[[1L]], formula = deparse(formula(model)), columns = lapply(prototype, class)),
    "/predict" = list(predict = unname(predict(model, like_prototype(cars)))),
    stop_html("there is /ping, /metadata and /predict", code = 404L)
  )
}

# like_prototype() returns the columns of the prototype, or stops with what is wrong with the request.
like_prototype <- function(cars) {
  if (!is.data.frame(cars)) {
    stop_html("send an array of objects, such as [{\"wt\": 2.5, \"hp\": 100}]", code = 422L)
  }
  for (name in names(prototype)) {
    if (!is.numeric(cars[[name]]) || anyNA(cars[[name]])) {
      stop_html(name, " must be a number in each object", code = 422L)
    }
  }
  cars[names(prototype)]
}
