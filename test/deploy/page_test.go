package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"go.yaml.in/yaml/v3"
)

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// settings returns the environment variables of the settings table of README.
func settings(t *testing.T) []string {
	t.Helper()
	_, table, _ := strings.Cut(readText(t, "../../README.md"), "\n## Settings\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var names []string
	for _, row := range strings.Split(table, "\n") {
		if cells := strings.Split(row, "|"); len(cells) > 2 {
			for _, found := range regexp.MustCompile("`([A-Z_]+)`").FindAllStringSubmatch(cells[1], -1) {
				names = append(names, found[1])
			}
		}
	}
	if len(names) < 10 {
		t.Fatalf("README has %d settings: was the table found at all?", len(names))
	}
	return names
}

// The module knows all settings, and no others.
func TestModuleSettings(t *testing.T) {
	var known []string
	for _, name := range settings(t) {
		if strings.HasPrefix(name, "LAMBDA_R_") {
			known = append(known, name)
		}
	}
	var allowed []string
	for _, found := range regexp.MustCompile(`"(LAMBDA_R_[A-Z_]*[A-Z])"`).FindAllStringSubmatch(readText(t, "../../deploy/terraform/variables.tf"), -1) {
		allowed = append(allowed, found[1])
	}
	slices.Sort(known)
	slices.Sort(allowed)
	if !slices.Equal(known, allowed) {
		t.Errorf("variable environment allows %q, the settings are %q", allowed, known)
	}
}

// A page is a Markdown file of this repository.
type page struct {
	path, text string
	problems   []string
}

func (p *page) problem(format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

var (
	fence         = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")
	link          = regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)
	repoPath      = regexp.MustCompile(`\b(?:deploy|docs|examples)/[\w./-]*\w`)
	environment   = regexp.MustCompile(`\b(?:AWS_)?LAMBDA_[A-Z_]+\b|\bLOG_LEVEL\b`)
	heading       = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notInAnAnchor = regexp.MustCompile(`[^a-z0-9 -]`)
)

// hasAnchor says whether a page has a heading with that anchor, as GitHub makes them.
func hasAnchor(text, anchor string) bool {
	for _, found := range heading.FindAllStringSubmatch(text, -1) {
		if strings.ReplaceAll(notInAnAnchor.ReplaceAllString(strings.ToLower(found[1]), ""), " ", "-") == anchor {
			return true
		}
	}
	return false
}

// checkPage checks that what a page mentions exists, and that its code is such.
func checkPage(t *testing.T, name, text string) []string {
	p := &page{path: name, text: text}
	known := settings(t)
	for _, variable := range environment.FindAllString(text, -1) {
		if !slices.Contains(known, variable) {
			p.problem("%s is no setting", variable)
		}
	}
	for _, found := range link.FindAllStringSubmatch(text, -1) {
		if strings.Contains(found[1], "://") {
			continue
		}
		target := name
		if found[1] != "" {
			target = filepath.Join(filepath.Dir(name), found[1])
		}
		if _, err := os.Stat(target); err != nil {
			p.problem("a link to %s, which does not exist", found[1])
		} else if found[2] != "" && target != name && !hasAnchor(readText(t, target), found[2]) || target == name && !hasAnchor(text, found[2]) {
			p.problem("a link to %s#%s, which does not exist", found[1], found[2])
		}
	}
	for _, found := range repoPath.FindAllString(text, -1) {
		if _, err := os.Stat(filepath.Join("../..", found)); err != nil {
			p.problem("%s does not exist", found)
		}
	}
	for _, found := range fence.FindAllStringSubmatch(text, -1) {
		p.checkCode(t, found[1], found[2])
	}
	return p.problems
}

func (p *page) checkCode(t *testing.T, language, code string) {
	var err error
	switch language {
	case "json":
		if !json.Valid([]byte(code)) {
			err = fmt.Errorf("not JSON")
		}
	case "yaml":
		err = yaml.Unmarshal([]byte(code), &map[string]any{})
	case "hcl":
		var m *module
		if m, err = parseModule(map[string]string{p.path: code}, map[string]*module{"parity": readModule(t)}); err == nil {
			p.problems = append(p.problems, m.problems...)
		}
	case "sh":
		var output []byte
		command := exec.Command("sh", "-n")
		command.Stdin = strings.NewReader(code)
		if output, err = command.CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, output)
		}
		for _, command := range strings.Split(strings.ReplaceAll(code, "\\\n", " "), "\n") {
			p.checkCommand(t, command)
		}
	default:
		err = fmt.Errorf("the language %q is not known to this test", language)
	}
	if err != nil {
		p.problem("%v in:\n%s", err, code)
	}
}

var (
	templateFile = regexp.MustCompile(`--template-file (\S+)`)
	override     = regexp.MustCompile(` ([A-Z][A-Za-z]+)=`)
	lambdaCall   = regexp.MustCompile(`\baws lambda ([a-z0-9-]+)`)
	flag         = regexp.MustCompile(` --([a-z0-9-]+)`)
	hump         = regexp.MustCompile(`([a-z0-9])([A-Z])`)
)

// lambdaCalls are the operations that the page uses, as Lambda's API has them: an
// option of the command line is a field of the operation's input.
var lambdaCalls = map[string]any{
	"add-permission":                     lambda.AddPermissionInput{},
	"create-function":                    lambda.CreateFunctionInput{},
	"create-function-url-config":         lambda.CreateFunctionUrlConfigInput{},
	"delete-function":                    lambda.DeleteFunctionInput{},
	"get-function":                       lambda.GetFunctionInput{},
	"get-function-url-config":            lambda.GetFunctionUrlConfigInput{},
	"get-policy":                         lambda.GetPolicyInput{},
	"invoke":                             lambda.InvokeInput{},
	"publish-version":                    lambda.PublishVersionInput{},
	"put-provisioned-concurrency-config": lambda.PutProvisionedConcurrencyConfigInput{},
	"update-function-code":               lambda.UpdateFunctionCodeInput{},
	"wait":                               lambda.GetFunctionInput{},
}

// checkCommand checks the parameters that a command gives to a template, and the
// options of a call to Lambda.
func (p *page) checkCommand(t *testing.T, command string) {
	command, _, _ = strings.Cut(command, " # ")
	if file := templateFile.FindStringSubmatch(command); file != nil {
		c, _ := readTemplate(t, filepath.Join("../..", file[1]))
		for _, found := range override.FindAllStringSubmatch(command, -1) {
			if c.parameters[found[1]] == nil {
				p.problem("%s has no parameter %s", file[1], found[1])
			}
		}
	}
	for _, at := range lambdaCall.FindAllStringSubmatchIndex(command, -1) {
		name := command[at[2]:at[3]]
		input, ok := lambdaCalls[name]
		if !ok {
			p.problem("aws lambda %s is not known to this test", name)
			continue
		}
		options := []string{"cli-binary-format", "query", "output"}
		for _, field := range reflect.VisibleFields(reflect.TypeOf(input)) {
			options = append(options, strings.ToLower(hump.ReplaceAllString(field.Name, "$1-$2")))
		}
		call, _, _ := strings.Cut(command[at[0]:], ")") // of $(aws ...)
		for _, found := range flag.FindAllStringSubmatch(call, -1) {
			if !slices.Contains(options, found[1]) {
				p.problem("aws lambda %s has no option --%s", name, found[1])
			}
		}
	}
}

func TestPages(t *testing.T) {
	for _, name := range []string{"../../docs/deploy.md", "../../deploy/terraform/README.md"} {
		for _, problem := range checkPage(t, name, readText(t, name)) {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

// A mistake in the page is found.
func TestPageMistakes(t *testing.T) {
	name := "../../docs/deploy.md"
	text := readText(t, name)
	for _, mistake := range []struct{ old, new, want string }{
		{"LAMBDA_R_SIGTERM", "LAMBDA_R_SIGTERMS", "LAMBDA_R_SIGTERMS is no setting"},
		{"(handlers.md#http)", "(handler.md)", "a link to handler.md"},
		{"(handlers.md#http)", "(handlers.md#https)", "a link to handlers.md#https"},
		{"(#managed-instances)", "(#instances)", "a link to #instances"},
		{"--template-file deploy/sam/template.yaml", "--template-file deploy/sam/managed-instances.yaml", "has no parameter UrlAuth"},
		{"`sam deploy`", "`deploy/sam/deploy`", "deploy/sam/deploy does not exist"},
		{"handler           =", "handle            =", "module parity has no variable handle"},
		{"--function-url-auth-type NONE", "--url-auth-type NONE", "has no option --url-auth-type"},
		{"$(aws sts get-caller-identity", "$((aws sts get-caller-identity", "in:\nexport AWS_REGION"},
		{"aws lambda create-function ", "aws lambda make-function ", "aws lambda make-function is not known"},
		{"```hcl", "```toml", "language \"toml\""},
	} {
		wrong := strings.Replace(text, mistake.old, mistake.new, 1)
		if wrong == text {
			t.Errorf("%q is not on the page", mistake.old)
		} else if found := strings.Join(checkPage(t, name, wrong), "\n"); !strings.Contains(found, mistake.want) {
			t.Errorf("%q for %q: found %q, want %q", mistake.new, mistake.old, found, mistake.want)
		}
	}
}

// The page's table has all parameters and variables, and their defaults.
func TestParametersTable(t *testing.T) {
	_, table, _ := strings.Cut(readText(t, "../../docs/deploy.md"), "\n## Parameters\n")
	table, _, _ = strings.Cut(table, "\n## ")
	code := regexp.MustCompile("`([^`]+)`")
	onDemand, _ := readTemplate(t, templates[0])
	m := readModule(t)
	listed := map[string]bool{}
	for _, row := range strings.Split(table, "\n") {
		cells := strings.Split(row, "|")
		if len(cells) < 6 {
			continue
		}
		for _, found := range code.FindAllStringSubmatch(cells[1]+cells[2], -1) {
			listed[found[1]] = true
		}
		given := code.FindStringSubmatch(cells[4])
		if given == nil {
			continue
		}
		if name := code.FindStringSubmatch(cells[1]); name != nil {
			if want := value(pairs(onDemand.parameters[name[1]])["Default"]); given[1] != want {
				t.Errorf("the default of %s is %q, not %q", name[1], want, given[1])
			}
		}
		if name := code.FindStringSubmatch(cells[2]); name != nil && name[1] != "environment" {
			if want := m.defaults[name[1]]; given[1] != want {
				t.Errorf("the default of %s is %q, not %q", name[1], want, given[1])
			}
		}
	}
	names := map[string]bool{}
	for _, path := range templates {
		c, _ := readTemplate(t, path)
		for name := range c.parameters {
			names[name] = true
		}
	}
	for name := range m.variables {
		names[name] = true
	}
	for name := range names {
		if !listed[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
	for name := range listed {
		if !names[name] {
			t.Errorf("%s is in the table, and does not exist", name)
		}
	}
}
