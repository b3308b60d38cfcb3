// Package deploy has no code: it tests the templates under sam and terraform, and the
// page docs/deploy.md, as far as that goes without AWS and without Terraform's provider.
package deploy
