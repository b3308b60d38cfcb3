package deploy

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"go.yaml.in/yaml/v3"
)

var ref = regexp.MustCompile(`!Ref (\w+)`)

// block returns a resource of a template as text.
func block(t *testing.T, path, resource string) string {
	t.Helper()
	var parsed struct {
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, path)), &parsed); err != nil {
		t.Fatal(err)
	}
	node, ok := parsed.Resources[resource]
	if !ok {
		t.Fatalf("%s has no resource %s", path, resource)
	}
	text, err := yaml.Marshal(&node)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// SnapStart is one parameter, and off by default. A change of any parameter changes the
// description of the version, without which the alias would keep the old one.
func TestSnapStartInSAM(t *testing.T) {
	path := templates[0]
	if off := readTemplate(t, path).Parameters["SnapStart"].Default; off != "None" {
		t.Errorf("the default of SnapStart is %q", off)
	}
	function := block(t, path, "Function")
	for _, want := range []string{"ApplyOn: !Ref SnapStart\n", "AutoPublishAlias: live\n", "DeletionPolicy: Delete\n"} {
		if !strings.Contains(function, want) {
			t.Errorf("the function has no %q:\n%s", want, function)
		}
	}
	var parsed struct {
		Properties struct {
			VersionDescription string `yaml:"VersionDescription"`
		} `yaml:"Properties"`
	}
	if err := yaml.Unmarshal([]byte(function), &parsed); err != nil {
		t.Fatal(err)
	}
	// SAM itself publishes a version if the image changes. The others are not parameters.
	inherent := []string{"ImageUri", "LogGroup"}
	for _, found := range ref.FindAllStringSubmatch(strings.ReplaceAll(function, "!Ref AWS::", ""), -1) {
		name := found[1]
		if !slices.Contains(inherent, name) && !strings.Contains(parsed.Properties.VersionDescription, "${"+name+"}") {
			t.Errorf("the version's description %q does not contain %s", parsed.Properties.VersionDescription, name)
		}
	}
	for resource, want := range map[string]string{
		"Url": "Qualifier: !If [HasSnapStart, live,", "PublicUrlPermission": "!If [HasSnapStart, !Ref Function.Alias, !Ref Function]",
		"PublicInvokePermission": "!If [HasSnapStart, !Ref Function.Alias, !Ref Function]",
	} {
		if text := block(t, path, resource); !strings.Contains(text, want) {
			t.Errorf("%s is not for the alias:\n%s", resource, text)
		}
	}
}

// nested returns a block in another one, or nil.
func nested(body *hclsyntax.Body, kind, label string) *hclsyntax.Block {
	for _, b := range body.Blocks {
		if b.Type == kind && slices.Equal(b.Labels, []string{label}) {
			return b
		}
	}
	return nil
}

func TestSnapStartInTerraform(t *testing.T) {
	if off := variables(t)["snap_start"]; off != "false" {
		t.Errorf("the default of snap_start is %q", off)
	}
	var alias bool
	for _, b := range parseModule(t, "deploy/terraform") {
		switch {
		case slices.Equal(b.Labels, []string{"aws_lambda_function", "function"}):
			if nested(b.Body, "dynamic", "snap_start") == nil {
				t.Error("the function has no block snap_start")
			}
		case slices.Equal(b.Labels, []string{"aws_lambda_alias", "live"}):
			alias = true
		}
	}
	if !alias {
		t.Error("there is no alias")
	}
}

// The image has the label that docs/deploy.md explains.
func TestSnapStartLabel(t *testing.T) {
	const label = "com.amazonaws.lambda.feature.snapstart"
	if !strings.Contains(section(t, "docs/deploy.md", "SnapStart"), "`"+label+`="Allow"`) {
		t.Errorf("docs/deploy.md does not explain the label %s", label)
	}
	if !strings.Contains(readFile(t, "Dockerfile"), label+"=Allow\n") {
		t.Errorf("the Dockerfile does not set the label %s", label)
	}
}

// A function on Managed Instances may run for 90 minutes, others for 15.
func TestTimeouts(t *testing.T) {
	for path, want := range map[string]int{templates[0]: 900, templates[1]: 5400} {
		var parsed struct {
			Parameters map[string]struct {
				MaxValue int `yaml:"MaxValue"`
			} `yaml:"Parameters"`
		}
		if err := yaml.Unmarshal([]byte(readFile(t, path)), &parsed); err != nil {
			t.Fatal(err)
		}
		if got := parsed.Parameters["Timeout"].MaxValue; got != want {
			t.Errorf("%s allows %d seconds, want %d", path, got, want)
		}
	}
	module := readFile(t, "deploy/terraform/variables.tf") + readFile(t, "deploy/terraform/main.tf")
	for _, want := range []string{"var.timeout <= 5400\n", "local.managed || var.timeout <= 900\n"} {
		if !strings.Contains(module, want) {
			t.Errorf("the module has no condition %q", want)
		}
	}
}
