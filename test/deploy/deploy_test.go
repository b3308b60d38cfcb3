// Package deploy checks that the templates in deploy/ parse, are formatted, and agree with the
// settings of docs/settings.md and with docs/deploy.md. Whether AWS accepts them is for cfn-lint and terraform
// validate to find out.
package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"go.yaml.in/yaml/v3"
)

const root = "../../"

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section returns what a page has below a heading, as far as the next one of that level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(readFile(t, page), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %s", page, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

var code = regexp.MustCompile("`([^`]+)`")

// codeIn returns what stands in backquotes in a cell.
func codeIn(cell string) (names []string) {
	for _, found := range code.FindAllStringSubmatch(cell, -1) {
		names = append(names, found[1])
	}
	return names
}

// settings returns the environment variables of the table in docs/settings.md.
func settings(t *testing.T) (names []string) {
	t.Helper()
	for row := range strings.Lines(readFile(t, "docs/settings.md")) {
		if cells := strings.Split(row, "|"); len(cells) > 2 {
			names = append(names, codeIn(cells[1])...)
		}
	}
	return names
}

// A template is a SAM template.
type template struct {
	Parameters map[string]struct {
		Default     string `yaml:"Default"`
		Description string `yaml:"Description"`
	} `yaml:"Parameters"`
	Resources map[string]struct {
		Properties struct {
			Environment struct {
				Variables map[string]any `yaml:"Variables"`
			} `yaml:"Environment"`
		} `yaml:"Properties"`
	} `yaml:"Resources"`
}

var templates = []string{"deploy/sam/template.yaml", "deploy/sam/managed-instances.yaml", "deploy/sam/durable.yaml"}

func readTemplate(t *testing.T, path string) (parsed template) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readFile(t, path)), &parsed); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return parsed
}

func TestTemplates(t *testing.T) {
	known := settings(t)
	for _, path := range templates {
		parsed, variables := readTemplate(t, path), 0
		for _, resource := range parsed.Resources {
			for name := range resource.Properties.Environment.Variables {
				if variables++; !slices.Contains(known, name) {
					t.Errorf("%s sets %s, which is not in docs/settings.md", path, name)
				}
			}
		}
		if len(parsed.Parameters) < 10 || variables < 3 {
			t.Errorf("%s: %d parameters and %d variables were found", path, len(parsed.Parameters), variables)
		}
		for name, parameter := range parsed.Parameters {
			if parameter.Description == "" || !strings.Contains(readFile(t, path), "!Ref "+name) {
				t.Errorf("%s: parameter %s is not described or not used", path, name)
			}
		}
	}
}

// parseModule returns the blocks of all Terraform files in a folder, which must be formatted as
// terraform fmt does it.
func parseModule(t *testing.T, folder string) (blocks []*hclsyntax.Block) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, folder, "*.tf"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: files %q, %v", folder, paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, diagnostics := hclsyntax.ParseConfig(text, path, hcl.InitialPos)
		if diagnostics.HasErrors() {
			t.Fatal(diagnostics)
		}
		if string(hclwrite.Format(text)) != string(text) {
			t.Errorf("%s is not formatted: run terraform fmt", path)
		}
		blocks = append(blocks, file.Body.(*hclsyntax.Body).Blocks...)
	}
	return blocks
}

// variables returns the defaults of the module's variables, as they are written, without quotes.
func variables(t *testing.T) map[string]string {
	t.Helper()
	const folder = "deploy/terraform"
	defaults := map[string]string{}
	for _, block := range parseModule(t, folder) {
		if block.Type != "variable" {
			continue
		}
		name := block.Labels[0]
		defaults[name] = ""
		if attribute := block.Body.Attributes["default"]; attribute != nil {
			at := attribute.Expr.Range()
			text := readFile(t, filepath.Join(folder, filepath.Base(at.Filename)))
			defaults[name] = strings.Trim(text[at.Start.Byte:at.End.Byte], `"`)
		}
	}
	return defaults
}

// The module's variable environment takes each LAMBDA_R_ setting, and no other.
func TestModuleSettings(t *testing.T) {
	known := slices.DeleteFunc(settings(t), func(name string) bool { return !strings.HasPrefix(name, "LAMBDA_R_") })
	var allowed []string
	text := readFile(t, "deploy/terraform/variables.tf")
	for _, found := range regexp.MustCompile(`"(LAMBDA_R_[A-Z_]*[A-Z])"`).FindAllStringSubmatch(text, -1) {
		allowed = append(allowed, found[1])
	}
	slices.Sort(known)
	slices.Sort(allowed)
	if len(known) == 0 || !slices.Equal(known, allowed) {
		t.Errorf("variable environment allows %q, the settings are %q", allowed, known)
	}
}

// The complete example gives the module variables that it has.
func TestModuleExample(t *testing.T) {
	known := variables(t)
	for _, block := range parseModule(t, "deploy/terraform/examples/complete") {
		for name := range block.Body.Attributes {
			if _, ok := known[name]; block.Type == "module" && name != "source" && !ok {
				t.Errorf("the example sets %s, which the module does not have", name)
			}
		}
	}
}

// The table in docs/deploy.md has each parameter and each variable, with its default.
func TestParametersTable(t *testing.T) {
	const page = "docs/deploy.md"
	onDemand, module := readTemplate(t, templates[0]).Parameters, variables(t)
	listed := map[string]bool{} // false until the table has it
	for name := range module {
		listed[name] = false
	}
	for _, path := range templates {
		for name := range readTemplate(t, path).Parameters {
			listed[name] = false
		}
	}
	for row := range strings.Lines(section(t, page, "Parameters")) {
		cells := strings.Split(row, "|")
		if len(cells) < 6 {
			continue
		}
		for _, name := range append(codeIn(cells[1]), codeIn(cells[2])...) {
			if _, exists := listed[name]; !exists {
				t.Errorf("%s lists %s, which does not exist", page, name)
			}
			listed[name] = true
			given, want := codeIn(cells[4]), onDemand[name].Default+module[name]
			if len(given) == 1 && name != "environment" && given[0] != want {
				t.Errorf("%s: the default of %s is %q, not %q", page, name, want, given[0])
			}
		}
	}
	for name, found := range listed {
		if !found {
			t.Errorf("%s does not list %s", page, name)
		}
	}
}
