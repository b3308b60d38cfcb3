package deploy

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// resourceTypes are the CloudFormation types that the templates may use: their
// properties, then their attributes, as CloudFormation and SAM document them.
var resourceTypes = map[string][2]string{
	"AWS::Lambda::Permission": {"Action EventSourceToken FunctionName FunctionUrlAuthType InvokedViaFunctionUrl Principal PrincipalOrgID SourceAccount SourceArn", "Id"},
	"AWS::Lambda::Url":        {"AuthType Cors InvokeMode Qualifier TargetFunctionArn", "FunctionArn FunctionUrl"},
	"AWS::Logs::LogGroup":     {"DataProtectionPolicy FieldIndexPolicies KmsKeyId LogGroupClass LogGroupName RetentionInDays Tags", "Arn"},
	"AWS::Serverless::CapacityProvider": {
		"CapacityProviderName InstanceRequirements KmsKeyArn OperatorRole PropagateTags ScalingConfig Tags VpcConfig", "Arn",
	},
	"AWS::Serverless::Function": {
		"Architectures CapacityProviderConfig Description Environment EphemeralStorage FunctionName FunctionScalingConfig ImageConfig " +
			"ImageUri LoggingConfig MemorySize PackageType Policies PublishToLatestPublished ReservedConcurrentExecutions Role Tags Timeout Tracing VpcConfig",
		"Arn",
	},
}

// pseudoParameters are those of CloudFormation.
var pseudoParameters = []string{
	"AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition", "AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix",
}

// A template is a CloudFormation template, and what was found wrong with it.
type template struct {
	root       *yaml.Node
	parameters map[string]*yaml.Node
	conditions map[string]*yaml.Node
	resources  map[string]*yaml.Node
	used       map[string]bool // parameters and conditions
	problems   []string
}

func (c *template) problem(at *yaml.Node, format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf("line %d: %s", at.Line, fmt.Sprintf(format, args...)))
}

// pairs returns the entries of a mapping, and nil of anything else.
func pairs(node *yaml.Node) map[string]*yaml.Node {
	entries := map[string]*yaml.Node{}
	if node != nil && node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			entries[node.Content[i].Value] = node.Content[i+1]
		}
	}
	return entries
}

func value(node *yaml.Node) string {
	if node == nil {
		return ""
	}
	return node.Value
}

// parseTemplate reads a template and checks all that can be known of it offline.
// settings are the environment variables that bootstrap knows.
func parseTemplate(text []byte, settings []string) (*template, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if err := document.Decode(&map[string]any{}); err != nil { // finds keys that come twice
		return nil, err
	}
	c := &template{root: document.Content[0], used: map[string]bool{}}
	top := pairs(c.root)
	c.parameters, c.conditions, c.resources = pairs(top["Parameters"]), pairs(top["Conditions"]), pairs(top["Resources"])
	c.walk(c.root)
	for name, parameter := range c.parameters {
		entries := pairs(parameter)
		if value(entries["Description"]) == "" || value(entries["Type"]) == "" {
			c.problem(parameter, "parameter %s has no type or no description", name)
		}
		if !c.used[name] {
			c.problem(parameter, "parameter %s is not used", name)
		}
		if allowed := entries["AllowedValues"]; allowed != nil && entries["Default"] != nil &&
			!slices.ContainsFunc(allowed.Content, func(v *yaml.Node) bool { return v.Value == entries["Default"].Value }) {
			c.problem(parameter, "the default of parameter %s is not allowed", name)
		}
	}
	for name, resource := range c.resources {
		c.checkResource(name, resource, settings)
	}
	for name, output := range pairs(top["Outputs"]) {
		entries := pairs(output)
		if value(entries["Description"]) == "" || entries["Value"] == nil {
			c.problem(output, "output %s has no value or no description", name)
		}
		c.checkCondition(entries["Condition"])
	}
	for name, condition := range c.conditions {
		if !c.used[name] {
			c.problem(condition, "condition %s is not used", name)
		}
	}
	return c, nil
}

func (c *template) checkResource(name string, resource *yaml.Node, settings []string) {
	entries := pairs(resource)
	known, ok := resourceTypes[value(entries["Type"])]
	if !ok {
		c.problem(resource, "resource %s is of the unknown type %q", name, value(entries["Type"]))
	}
	for key := range entries {
		if !slices.Contains([]string{"Type", "Condition", "Properties"}, key) {
			c.problem(resource, "resource %s has %s", name, key)
		}
	}
	properties := pairs(entries["Properties"])
	for property, node := range properties {
		if !slices.Contains(strings.Fields(known[0]), property) {
			c.problem(node, "resource %s has the unknown property %s", name, property)
		}
	}
	c.checkCondition(entries["Condition"])
	for variable, node := range pairs(pairs(properties["Environment"])["Variables"]) {
		if !slices.Contains(settings, variable) {
			c.problem(node, "environment variable %s is no setting of bootstrap", variable)
		}
	}
}

func (c *template) checkCondition(node *yaml.Node) {
	if node != nil && c.conditions[node.Value] == nil {
		c.problem(node, "condition %s is not defined", node.Value)
	} else if node != nil {
		c.used[node.Value] = true
	}
}

var substitution = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// walk checks every function of CloudFormation under node.
func (c *template) walk(node *yaml.Node) {
	switch node.Tag {
	case "!Ref":
		c.checkName(node, node.Value)
	case "!GetAtt":
		c.checkAttribute(node, node.Value)
	case "!Sub":
		for _, found := range substitution.FindAllStringSubmatch(node.Value, -1) {
			if strings.Contains(found[1], ".") {
				c.checkAttribute(node, found[1])
			} else {
				c.checkName(node, found[1])
			}
		}
	case "!If":
		if len(node.Content) != 3 {
			c.problem(node, "!If takes a condition and two values")
			break
		}
		c.checkCondition(node.Content[0])
	case "!Equals":
		if len(node.Content) != 2 {
			c.problem(node, "!Equals takes two values")
		}
	case "!Not":
		if len(node.Content) != 1 {
			c.problem(node, "!Not takes one value")
		}
	default:
		if strings.HasPrefix(node.Tag, "!") && !strings.HasPrefix(node.Tag, "!!") {
			c.problem(node, "%s is not known to this test", node.Tag)
		}
	}
	for key := range pairs(node) {
		if key == "Ref" || strings.HasPrefix(key, "Fn::") {
			c.problem(node, "%s has a short form, which this test knows", key)
		}
	}
	for _, child := range node.Content {
		c.walk(child)
	}
}

// checkName checks what !Ref refers to.
func (c *template) checkName(at *yaml.Node, name string) {
	switch {
	case c.parameters[name] != nil:
		c.used[name] = true
	case c.resources[name] == nil && !slices.Contains(pseudoParameters, name):
		c.problem(at, "there is no parameter and no resource %s", name)
	}
}

// checkAttribute checks what !GetAtt refers to.
func (c *template) checkAttribute(at *yaml.Node, name string) {
	resource, attribute, _ := strings.Cut(name, ".")
	kind := value(pairs(c.resources[resource])["Type"])
	if !slices.Contains(strings.Fields(resourceTypes[kind][1]), attribute) {
		c.problem(at, "there is no resource %s with an attribute %s", resource, attribute)
	}
}

// templates are the files of this package that are CloudFormation templates.
var templates = []string{"../../deploy/sam/template.yaml", "../../deploy/sam/managed-instances.yaml"}

func readTemplate(t *testing.T, path string) (*template, []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseTemplate(text, settings(t))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return c, text
}

func TestTemplates(t *testing.T) {
	for _, path := range templates {
		c, _ := readTemplate(t, path)
		for _, problem := range c.problems {
			t.Errorf("%s: %s", path, problem)
		}
		if len(c.parameters) < 10 || len(c.resources) < 2 {
			t.Errorf("%s: %d parameters and %d resources: were they found at all?", path, len(c.parameters), len(c.resources))
		}
	}
}

// A mistake in a template is found: without this, a test that finds nothing proves nothing.
func TestTemplateMistakes(t *testing.T) {
	_, text := readTemplate(t, "../../deploy/sam/template.yaml")
	for _, mistake := range []struct{ old, new, want string }{
		{"!Ref MemorySize", "!Ref Memory", "no parameter and no resource Memory"},
		{"MemorySize: !Ref MemorySize", "MemorySize: 1024", "parameter MemorySize is not used"},
		{"!GetAtt Url.FunctionUrl", "!GetAtt Url.Address", "no resource Url with an attribute Address"},
		{"!GetAtt Function.Arn", "!GetAtt Functions.Arn", "no resource Functions"},
		{"${AWS::StackName}", "${StackName}", "no parameter and no resource StackName"},
		{"Condition: HasUrl", "Condition: HasURL", "condition HasURL is not defined"},
		{"!If [HasHandler,", "!If [Handler,", "condition Handler is not defined"},
		{"ImageConfig: !If [HasHandler, {Command: [!Ref Handler]}, !Ref AWS::NoValue]", "ImageConfig: {Command: [!Ref Handler]}", "condition HasHandler is not used"},
		{"Type: AWS::Lambda::Url", "Type: AWS::Lambda::URL", "unknown type"},
		{"AuthType: !Ref UrlAuth", "Auth: !Ref UrlAuth", "unknown property Auth"},
		{"LAMBDA_R_MAX_RSS", "LAMBDA_R_MAXRSS", "LAMBDA_R_MAXRSS is no setting"},
		{"Default: 14", "Default: 15", "the default of parameter LogRetentionDays is not allowed"},
		{"    Description: How long an invocation may take, in seconds.\n", "", "parameter Timeout has no type or no description"},
		{"!Ref UrlAuth, NONE", "{Ref: UrlAuth}, NONE", "short form"},
	} {
		wrong := strings.Replace(string(text), mistake.old, mistake.new, 1)
		if wrong == string(text) {
			t.Errorf("%q is not in the template", mistake.old)
			continue
		}
		c, err := parseTemplate([]byte(wrong), settings(t))
		if err != nil {
			t.Errorf("%q: %v", mistake.new, err)
		} else if found := strings.Join(c.problems, "\n"); !strings.Contains(found, mistake.want) {
			t.Errorf("%q for %q: found %q, want %q", mistake.new, mistake.old, found, mistake.want)
		}
	}
	if _, err := parseTemplate([]byte("Resources: {}\nResources: {}\n"), nil); err == nil {
		t.Error("a key that comes twice is not found")
	}
}
