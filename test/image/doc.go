// Package imagetest tests the image: it runs it with podman or docker under the limits
// that Lambda puts on a function, against the emulator in the test's own process as the
// Runtime API. Its tests have the build tag image, as they want an image to be there:
// make image-test builds it and runs them.
package image
