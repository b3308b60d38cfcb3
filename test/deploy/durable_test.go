package deploy

import (
	"slices"
	"strings"
	"testing"
)

const durablePolicy = "iam::aws:policy/service-role/AWSLambdaBasicDurableExecutionRolePolicy"

// A durable function has its configuration, its permissions and an alias. An execution keeps the
// version that it began with, so no version may be deleted.
func TestDurableInSAM(t *testing.T) {
	const path = "deploy/sam/durable.yaml"
	function := block(t, path, "Function")
	for _, want := range []string{
		"DurableConfig:\n", "ExecutionTimeout: !Ref ExecutionTimeout\n", "RetentionPeriodInDays: !Ref RetentionPeriod\n",
		durablePolicy, "AutoPublishAlias: live\n", "AutoPublishAliasAllProperties: true\n",
	} {
		if !strings.Contains(function, want) {
			t.Errorf("the function has no %q:\n%s", want, function)
		}
	}
	if strings.Contains(function, "DeletionPolicy") {
		t.Errorf("a deletion policy removes versions that executions need:\n%s", function)
	}
	for name := range readTemplate(t, path).Parameters {
		inherent := slices.Contains([]string{"ImageUri", "LogRetentionDays"}, name)
		if !inherent && !strings.Contains(function, "${"+name+"}") {
			t.Errorf("the version's description does not contain %s, so a change of it publishes no version", name)
		}
	}
	if text := readFile(t, path); !strings.Contains(text, "Value: !Ref Function.Alias\n") {
		t.Error("the template does not show the alias, without which nothing can invoke the function")
	}
}

func TestDurableInTerraform(t *testing.T) {
	if off := variables(t)["durable"]; off != "null" {
		t.Errorf("the default of durable is %q", off)
	}
	for _, b := range parseModule(t, "deploy/terraform") {
		if slices.Equal(b.Labels, []string{"aws_lambda_function", "function"}) && nested(b.Body, "dynamic", "durable_config") == nil {
			t.Error("the function has no block durable_config")
		}
	}
	module := readFile(t, "deploy/terraform/main.tf") + readFile(t, "deploy/terraform/outputs.tf")
	for _, want := range []string{
		durablePolicy, "var.snap_start || var.durable != null\n", "(var.snap_start || var.durable != null) ? 1 : 0\n",
		"var.durable != null ? one(aws_lambda_alias.live[*].arn)",
	} {
		if !strings.Contains(module, want) {
			t.Errorf("the module has no %q", want)
		}
	}
}
