parity <- function(number) list(parity = if (as.integer(number) %% 2 == 0) "even" else "odd")

plot <- function() {
  shown <- ggplot2::ggplot(datasets::cars, ggplot2::aes(speed, dist))
  shown + ggplot2::geom_point() + ggplot2::ggtitle("Cars")
}
