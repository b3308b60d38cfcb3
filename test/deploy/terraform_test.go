package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// blockTypes are the types of resources and data sources that the module may use: the
// arguments, with ! the required ones, then the other attributes. Both are of the
// provider's documentation. For want of the provider this is what stands in for
// `terraform validate`.
var blockTypes = map[string][2]string{
	"data.aws_partition":             {"", "dns_suffix id partition reverse_dns_prefix"},
	"aws_cloudwatch_log_group":       {"kms_key_id log_group_class name name_prefix retention_in_days skip_destroy tags", "arn id"},
	"aws_ecr_repository":             {"force_delete image_tag_mutability name! tags image_scanning_configuration.scan_on_push!", "arn id registry_id repository_url"},
	"aws_iam_role":                   {"assume_role_policy! description max_session_duration name name_prefix path permissions_boundary tags", "arn id unique_id"},
	"aws_iam_role_policy_attachment": {"policy_arn! role!", "id"},
	"aws_lambda_capacity_provider": {"name! tags kms_key_arn vpc_config.subnet_ids! vpc_config.security_group_ids! " +
		"permissions_config.capacity_provider_operator_role_arn! instance_requirements.architectures! " +
		"instance_requirements.allowed_instance_types instance_requirements.excluded_instance_types " +
		"capacity_provider_scaling_config.scaling_mode! capacity_provider_scaling_config.max_vcpu_count " +
		"capacity_provider_scaling_config.scaling_policies timeouts.create timeouts.update timeouts.delete", "arn"},
	"aws_lambda_function": {"architectures description function_name! image_uri kms_key_arn memory_size package_type publish publish_to " +
		"reserved_concurrent_executions role! tags timeout environment.variables ephemeral_storage.size! " +
		"image_config.command image_config.entry_point image_config.working_directory " +
		"logging_config.log_format! logging_config.log_group logging_config.application_log_level logging_config.system_log_level " +
		"capacity_provider_config.lambda_managed_instances_capacity_provider_config.capacity_provider_arn! " +
		"capacity_provider_config.lambda_managed_instances_capacity_provider_config.per_execution_environment_max_concurrency " +
		"capacity_provider_config.lambda_managed_instances_capacity_provider_config.execution_environment_memory_gib_per_vcpu " +
		"timeouts.create timeouts.update timeouts.delete tracing_config.mode!", "arn id invoke_arn qualified_arn version"},
	"aws_lambda_function_url": {"authorization_type! function_name! invoke_mode qualifier", "function_arn function_url url_id"},
}

// A module is a folder of Terraform files, and what was found wrong with it.
type module struct {
	variables, locals, outputs map[string]bool
	resources                  map[string]string          // "aws_iam_role.function" to "aws_iam_role", data sources with "data."
	fields                     map[string]map[string]bool // of variables that are objects
	defaults                   map[string]string          // of variables, as they are written, without quotes
	modules                    map[string]*module
	used                       map[string]bool // "var.name", "local.name"
	problems                   []string
}

func (m *module) problem(at hcl.Range, format string, args ...any) {
	m.problems = append(m.problems, fmt.Sprintf("%s:%d: %s", at.Filename, at.Start.Line, fmt.Sprintf(format, args...)))
}

// parseModule reads the files of a module and checks all that can be known of them
// offline. Modules that it calls are those in called, by their names there.
func parseModule(files map[string]string, called map[string]*module) (*module, error) {
	m := &module{
		variables: map[string]bool{}, locals: map[string]bool{}, outputs: map[string]bool{}, resources: map[string]string{},
		fields: map[string]map[string]bool{}, defaults: map[string]string{}, modules: called, used: map[string]bool{},
	}
	var blocks []*hclsyntax.Block
	for name, text := range files {
		file, diagnostics := hclsyntax.ParseConfig([]byte(text), name, hcl.InitialPos)
		if diagnostics.HasErrors() {
			return nil, diagnostics
		}
		body := file.Body.(*hclsyntax.Body)
		blocks = append(blocks, body.Blocks...)
		for _, attribute := range body.Attributes {
			m.problem(attribute.SrcRange, "%s belongs to no block", attribute.Name)
		}
		if formatted := string(hclwrite.Format([]byte(text))); formatted != text {
			m.problem(hcl.Range{Filename: name, Start: hcl.InitialPos}, "not formatted as terraform fmt does")
		}
	}
	for _, block := range blocks {
		m.declare(block, files)
	}
	for _, block := range blocks {
		m.check(block)
	}
	for _, block := range blocks {
		if block.Type == "variable" && !m.used["var."+block.Labels[0]] {
			m.problem(block.TypeRange, "variable %s is not used", block.Labels[0])
		}
	}
	for name := range m.locals {
		if !m.used["local."+name] {
			m.problem(hcl.Range{}, "local %s is not used", name)
		}
	}
	return m, nil
}

func (m *module) declare(block *hclsyntax.Block, files map[string]string) {
	switch block.Type {
	case "variable":
		m.variables[block.Labels[0]] = true
		m.fields[block.Labels[0]] = objectFields(block.Body.Attributes["type"])
		if given := block.Body.Attributes["default"]; given != nil {
			at := given.Expr.Range()
			m.defaults[block.Labels[0]] = strings.Trim(string(at.SliceBytes([]byte(files[at.Filename]))), `"`)
		}
	case "output":
		m.outputs[block.Labels[0]] = true
	case "locals":
		for name := range block.Body.Attributes {
			m.locals[name] = true
		}
	case "resource":
		m.resources[strings.Join(block.Labels, ".")] = block.Labels[0]
	case "data":
		m.resources["data."+strings.Join(block.Labels, ".")] = "data." + block.Labels[0]
	}
}

// objectFields returns the fields of a type object({...}), and nil of any other type.
func objectFields(attribute *hclsyntax.Attribute) map[string]bool {
	if attribute == nil {
		return nil
	}
	call, ok := attribute.Expr.(*hclsyntax.FunctionCallExpr)
	if !ok || call.Name != "object" || len(call.Args) != 1 {
		return nil
	}
	fields := map[string]bool{}
	for _, item := range call.Args[0].(*hclsyntax.ObjectConsExpr).Items {
		fields[hcl.ExprAsKeyword(item.KeyExpr)] = true
	}
	return fields
}

func (m *module) check(block *hclsyntax.Block) {
	required := func(names ...string) {
		for _, name := range names {
			if block.Body.Attributes[name] == nil {
				m.problem(block.TypeRange, "%s %s has no %s", block.Type, strings.Join(block.Labels, "."), name)
			}
		}
	}
	switch block.Type {
	case "variable":
		required("type", "description")
		self := "var." + block.Labels[0]
		used := m.used[self]
		for _, validation := range block.Body.Blocks {
			m.checkReferences(validation.Body, nil)
		}
		m.used[self] = used // its own validation is no use
		return              // its type has names that are no references
	case "output":
		required("value", "description")
	case "terraform":
		return
	case "locals":
	case "module":
		required("source")
		callee := m.modules[block.Labels[0]]
		if callee == nil {
			m.problem(block.TypeRange, "module %s is not known to this test", block.Labels[0])
			return
		}
		for name, attribute := range block.Body.Attributes {
			if name != "source" && !callee.variables[name] {
				m.problem(attribute.SrcRange, "module %s has no variable %s", block.Labels[0], name)
			}
		}
	case "resource", "data":
		kind := block.Labels[0]
		if block.Type == "data" {
			kind = "data." + kind
		}
		if _, ok := blockTypes[kind]; !ok {
			m.problem(block.TypeRange, "%s is of the unknown type %s", strings.Join(block.Labels, "."), kind)
			return
		}
		m.checkArguments(kind, "", block)
	default:
		m.problem(block.TypeRange, "%s is not known to this test", block.Type)
	}
	m.checkReferences(block.Body, nil)
}

// checkArguments checks the arguments of a block that is at path in a resource: that
// all are known, and that none is missing.
func (m *module) checkArguments(kind, path string, block *hclsyntax.Block) {
	arguments := strings.Fields(blockTypes[kind][0])
	known := func(name string) bool {
		return slices.ContainsFunc(arguments, func(a string) bool {
			return strings.TrimSuffix(a, "!") == path+name || strings.HasPrefix(a, path+name+".")
		})
	}
	for name, attribute := range block.Body.Attributes {
		if !known(name) && (path != "" || !slices.Contains([]string{"count", "for_each", "depends_on"}, name)) {
			m.problem(attribute.SrcRange, "%s has no argument %s%s", kind, path, name)
		}
	}
	for _, inner := range block.Body.Blocks {
		name := inner.Type
		if path == "" && name == "lifecycle" {
			continue
		}
		if name == "dynamic" {
			name, inner = inner.Labels[0], inner.Body.Blocks[0]
		}
		if !known(name) {
			m.problem(inner.TypeRange, "%s has no block %s%s", kind, path, name)
		}
		m.checkArguments(kind, path+name+".", inner)
	}
	for _, a := range arguments {
		name, ok := strings.CutSuffix(strings.TrimPrefix(a, path), "!")
		if ok && strings.HasPrefix(a, path) && !strings.Contains(name, ".") && block.Body.Attributes[name] == nil {
			m.problem(block.TypeRange, "%s has no %s%s, which it must have", kind, path, name)
		}
	}
}

// checkReferences checks what the expressions of a body refer to. iterators are the
// names of the dynamic blocks around it.
func (m *module) checkReferences(body *hclsyntax.Body, iterators []string) {
	for _, attribute := range body.Attributes {
		for _, traversal := range attribute.Expr.Variables() {
			if !slices.Contains(iterators, traversal.RootName()) {
				m.checkReference(traversal)
			}
		}
		_ = hclsyntax.VisitAll(attribute.Expr, func(node hclsyntax.Node) hcl.Diagnostics { // it returns what the function does
			if splat, ok := node.(*hclsyntax.SplatExpr); ok {
				m.checkSplat(splat)
			}
			return nil
		})
	}
	for _, block := range body.Blocks {
		inner := iterators
		if block.Type == "dynamic" {
			inner = append(slices.Clone(iterators), block.Labels[0])
		}
		m.checkReferences(block.Body, inner)
	}
}

// checkSplat checks the attribute in resource.name[*].attribute, which is no part of
// the reference to the resource.
func (m *module) checkSplat(splat *hclsyntax.SplatExpr) {
	source, ok := splat.Source.(*hclsyntax.ScopeTraversalExpr)
	each, ok2 := splat.Each.(*hclsyntax.RelativeTraversalExpr)
	if ok && ok2 {
		m.checkReference(append(slices.Clone(source.Traversal), each.Traversal...))
	}
}

func (m *module) checkReference(traversal hcl.Traversal) {
	var names []string // without the indices
	for _, step := range traversal {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			names = append(names, step.Name)
		case hcl.TraverseAttr:
			names = append(names, step.Name)
		}
	}
	at := traversal.SourceRange()
	name := func(i int) string {
		if i < len(names) {
			return names[i]
		}
		return ""
	}
	switch root := name(0); root {
	case "var", "local":
		declared := m.variables
		if root == "local" {
			declared = m.locals
		}
		if !declared[name(1)] {
			m.problem(at, "%s.%s is not declared", root, name(1))
		}
		if fields := m.fields[name(1)]; root == "var" && fields != nil && len(names) > 2 && !fields[name(2)] {
			m.problem(at, "var.%s has no field %s", name(1), name(2))
		}
		m.used[root+"."+name(1)] = true
	case "each", "count", "path", "self":
	case "module":
		if callee := m.modules[name(1)]; callee == nil || !callee.outputs[name(2)] {
			m.problem(at, "there is no module %s with an output %s", name(1), name(2))
		}
	default:
		length := 2
		if root == "data" {
			length = 3
		}
		resource := strings.Join(names[:min(length, len(names))], ".")
		kind, ok := m.resources[resource]
		if !ok {
			m.problem(at, "there is no resource %s", resource)
			return
		}
		attributes := strings.Fields(strings.ReplaceAll(blockTypes[kind][0]+" "+blockTypes[kind][1], "!", ""))
		if len(names) > length && !slices.Contains(attributes, name(length)) {
			m.problem(at, "%s has no attribute %s", resource, name(length))
		}
	}
}

func readFiles(t *testing.T, folder string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.tf"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no Terraform files in %s: %v", folder, err)
	}
	files := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = string(text)
	}
	return files
}

func readModule(t *testing.T) *module {
	t.Helper()
	m, err := parseModule(readFiles(t, "../../deploy/terraform"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestModule(t *testing.T) {
	m := readModule(t)
	example, err := parseModule(readFiles(t, "../../deploy/terraform/examples/complete"), map[string]*module{"plot": m})
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range append(m.problems, example.problems...) {
		t.Error(problem)
	}
	if len(m.variables) < 10 || len(m.resources) < 5 || len(m.outputs) < 3 {
		t.Errorf("%d variables, %d resources and %d outputs: were they found at all?", len(m.variables), len(m.resources), len(m.outputs))
	}
}

// A mistake in the module is found.
func TestModuleMistakes(t *testing.T) {
	for _, mistake := range []struct{ file, old, new, want string }{
		{"main.tf", "var.timeout", "var.time", "var.time is not declared"},
		{"main.tf", "  timeout       = var.timeout\n", "", "variable timeout is not used"},
		{"main.tf", "aws_iam_role.function.arn", "aws_iam_role.functions.arn", "no resource aws_iam_role.functions"},
		{"main.tf", "aws_iam_role.function.arn", "aws_iam_role.function.address", "no attribute address"},
		{"main.tf", "memory_size   =", "memory        =", "no argument memory"},
		{"main.tf", "dynamic \"image_config\"", "dynamic \"image\"", "no block image"},
		{"main.tf", "per_execution_environment_max_concurrency = var", "per_environment_max_concurrency           = var", "no argument capacity_provider_config.lambda"},
		{"main.tf", "var.managed_instances.max_concurrency", "var.managed_instances.concurrency", "no field concurrency"},
		{"main.tf", "  authorization_type = var.url_auth\n", "", "has no authorization_type, which it must have"},
		{"main.tf", "local.log_format == \"JSON\"", "local.format == \"JSON\"", "local.format is not declared"},
		{"main.tf", "  managed    = var", "  managed = var", "not formatted"},
		{"managed_instances.tf", "aws_lambda_capacity_provider", "aws_capacity_provider", "unknown type"},
		{"outputs.tf", "[*].repository_url", "[*].url", "no attribute url"},
		{"outputs.tf", "  description = \"For curl. null if there is none.\"\n", "", "has no description"},
		{"variables.tf", "description = \"How long an", "# \"How long an", "timeout has no description"},
	} {
		files := readFiles(t, "../../deploy/terraform")
		path := filepath.Join("../../deploy/terraform", mistake.file)
		wrong := strings.Replace(files[path], mistake.old, mistake.new, 1)
		if wrong == files[path] {
			t.Errorf("%q is not in %s", mistake.old, path)
			continue
		}
		files[path] = wrong
		m, err := parseModule(files, nil)
		if err != nil {
			t.Errorf("%q: %v", mistake.new, err)
		} else if found := strings.Join(m.problems, "\n"); !strings.Contains(found, mistake.want) {
			t.Errorf("%q for %q: found %q, want %q", mistake.new, mistake.old, found, mistake.want)
		}
	}
}

// Where there is a terraform, it has the last word: on the format always, on the rest
// once `terraform init` has brought the provider.
func TestTerraformItself(t *testing.T) {
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Log("no terraform here: TestModule is what checks the module")
		return
	}
	commands := [][]string{{"fmt", "-check", "-recursive", "-diff"}}
	if _, err := os.Stat("../../deploy/terraform/.terraform"); err == nil {
		commands = append(commands, []string{"validate"})
	}
	for _, arguments := range commands {
		command := exec.Command(terraform, arguments...)
		command.Dir = "../../deploy/terraform"
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("terraform %s: %v\n%s", strings.Join(arguments, " "), err, output)
		}
	}
}
