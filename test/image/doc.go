// Package image tests the image with podman or docker, under the limits that Lambda puts on a
// function and with the emulator as the Runtime API. The tests have the build tag image, because
// they need an image: make image-test builds it and runs them.
package image
