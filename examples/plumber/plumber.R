# A model as a web API. The handler is the file: bootstrap local plumber.R

fit <- lm(mpg ~ wt, mtcars)

#* Miles per gallon of a car of so many thousand pounds
#* @get /predict
function(wt) {
  weight <- as.numeric(wt)
  list(wt = weight, mpg = unname(predict(fit, list(wt = weight))))
}

#* What the model was fitted to
#* @get /plot
#* @serializer png
function() {
  plot(mpg ~ wt, mtcars)
  abline(fit)
}

#* The sum of a JSON array
#* @post /sum
#* @serializer unboxedJSON
function(req) list(sum = sum(req$body))
