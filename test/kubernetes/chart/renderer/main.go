// Renders a chart as `helm template` does, for machines without Helm: Go's text/template with sprig, and what Helm adds to both.
//
//	renderer -chart FOLDER -name NAME -namespace NAMESPACE -kube 1.29.0 [-values FILE.yaml] [-service Helm] < VALUES.json
//
// Stdout is a JSON list of {"source", "content", "object"}, one for each document, in the order in which Helm installs kinds. Words for people
// (NOTES.txt) come last, with their own source. What Helm refuses is refused: unknown functions, `fail`, `required`, a bad document.
//
// It knows no dependencies of charts, no hooks and no files (.Files): the chart of Crewtab has none.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v2"
)

// Values are as JSON has them, numbers float64, since Helm reads YAML that way.
type values = map[string]interface{}

type document struct {
	Source  string      `json:"source"`
	Content string      `json:"content"`
	Object  interface{} `json:"object"`
	kind    string
}

type versions []string

// Has says whether an API version, or a version and kind, is there.
func (v versions) Has(wanted string) bool {
	for _, one := range v {
		if one == wanted {
			return true
		}
	}
	return false
}

type kubeVersion struct{ Version, Major, Minor string }

func (k kubeVersion) String() string { return k.Version }

const deepestInclude = 1000

func main() {
	chart := flag.String("chart", "", "the chart's folder")
	name := flag.String("name", "crewtab", "of the release")
	namespace := flag.String("namespace", "default", "of the release")
	kube := flag.String("kube", "1.29.0", "version of Kubernetes")
	file := flag.String("values", "", "YAML, over which those of stdin are laid")
	service := flag.String("service", "Helm", "what installs it")
	flag.Parse()
	documents, err := render(*chart, *file, *kube, values{
		"Name": *name, "Namespace": *namespace, "Service": *service, "Revision": 1, "IsInstall": true, "IsUpgrade": false,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(documents)
}

// Of an API server that has all that the chart may ask for.
var apiVersions = versions{"v1", "apps/v1", "policy/v1", "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1", "autoscaling/v2"}

func render(folder, file, kube string, release values) ([]document, error) {
	metadata, err := readYaml(filepath.Join(folder, "Chart.yaml"))
	if err != nil {
		return nil, err
	}
	defaults, err := readYaml(filepath.Join(folder, "values.yaml"))
	if err != nil {
		return nil, err
	}
	if file != "" {
		laid, err := readYaml(file)
		if err != nil {
			return nil, err
		}
		defaults = merge(defaults, laid)
	}
	given := values{}
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("values: %w", err)
	}
	chart := values{}
	for key, value := range metadata { // .Chart.Name is `name` in the file
		chart[strings.ToUpper(key[:1])+key[1:]] = value
	}
	major, minor, _ := strings.Cut(strings.TrimPrefix(kube, "v"), ".")
	minor, _, _ = strings.Cut(minor, ".")
	context := values{
		"Chart":   chart,
		"Values":  merge(defaults, given),
		"Release": release,
		"Capabilities": values{
			"KubeVersion": kubeVersion{"v" + strings.TrimPrefix(kube, "v"), major, minor},
			"APIVersions": apiVersions,
		},
	}
	return renderAll(folder, fmt.Sprint(chart["Name"]), context)
}

func renderAll(folder, chart string, context values) ([]document, error) {
	base := chart + "/templates"
	files, err := filepath.Glob(filepath.Join(folder, "templates", "*"))
	if err != nil {
		return nil, err
	}
	all := template.New("chart").Option("missingkey=zero")
	all.Funcs(functions(all))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if _, err := all.New(base + "/" + filepath.Base(file)).Parse(string(text)); err != nil {
			return nil, err
		}
	}
	documents, notes := []document{}, []document{}
	for _, file := range files {
		source := base + "/" + filepath.Base(file)
		if strings.HasPrefix(filepath.Base(file), "_") {
			continue
		}
		context["Template"] = values{"Name": source, "BasePath": base}
		var text bytes.Buffer
		if err := all.ExecuteTemplate(&text, source, context); err != nil {
			return nil, err
		}
		// What a missing key gives: Helm takes it out, too.
		content := strings.ReplaceAll(text.String(), "<no value>", "")
		if strings.HasSuffix(source, ".txt") {
			notes = append(notes, document{Source: source, Content: content})
			continue
		}
		found, err := split(source, content)
		if err != nil {
			return nil, err
		}
		documents = append(documents, found...)
	}
	sort.SliceStable(documents, func(a, b int) bool { return rank(documents[a].kind) < rank(documents[b].kind) })
	return append(documents, notes...), nil
}

var separator = regexp.MustCompile(`(?m)^---\s*$`)

func split(source, content string) ([]document, error) {
	found := []document{}
	for _, part := range separator.Split(content, -1) {
		var parsed struct {
			Kind string `yaml:"kind"`
		}
		// Strict: a key that is there twice is an error, as it is to an API server.
		var whole interface{}
		if err := yaml.UnmarshalStrict([]byte(part), &whole); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", source, err, part)
		}
		if whole == nil {
			continue
		}
		if err := yaml.Unmarshal([]byte(part), &parsed); err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		content := strings.Trim(part, "\n") + "\n"
		found = append(found, document{Source: source, Content: content, Object: withStringKeys(whole), kind: parsed.Kind})
	}
	return found, nil
}

// Of Helm's order those kinds that a chart of ours may have; others come last.
var order = []string{"Namespace", "NetworkPolicy", "PodDisruptionBudget", "ServiceAccount", "Secret", "ConfigMap", "Role", "RoleBinding",
	"Service", "Deployment", "HorizontalPodAutoscaler", "Ingress"}

func rank(kind string) int {
	for at, one := range order {
		if one == kind {
			return at
		}
	}
	return len(order)
}

func functions(all *template.Template) template.FuncMap {
	known := sprig.TxtFuncMap()
	delete(known, "env")
	delete(known, "expandenv")
	depth := 0
	known["include"] = func(name string, data interface{}) (string, error) {
		if depth++; depth > deepestInclude {
			return "", fmt.Errorf("include of %s goes too deep", name)
		}
		defer func() { depth-- }()
		var text bytes.Buffer
		err := all.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	known["tpl"] = func(text string, data interface{}) (string, error) {
		copied, err := all.Clone()
		if err != nil {
			return "", err
		}
		if copied, err = copied.New("tpl").Parse(text); err != nil {
			return "", err
		}
		var out bytes.Buffer
		err = copied.Execute(&out, data)
		return strings.ReplaceAll(out.String(), "<no value>", ""), err
	}
	known["required"] = func(words string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return value, errors.New(words)
		}
		return value, nil
	}
	known["lookup"] = func(string, string, string, string) values { return values{} }
	known["toYaml"] = func(value interface{}) string {
		text, err := yaml.Marshal(value)
		if err != nil {
			return ""
		}
		return strings.TrimSuffix(string(text), "\n")
	}
	known["fromYaml"] = func(text string) values {
		parsed := values{}
		if err := parseYaml([]byte(text), &parsed); err != nil {
			return values{"Error": err.Error()}
		}
		return parsed
	}
	return known
}

// Deep for objects, as Helm does it; a null takes a default away.
func merge(defaults, given values) values {
	merged := values{}
	for key, value := range defaults {
		merged[key] = value
	}
	for key, value := range given {
		ours, isOurs := merged[key].(values)
		theirs, isTheirs := value.(values)
		switch {
		case value == nil:
			delete(merged, key)
		case isOurs && isTheirs:
			merged[key] = merge(ours, theirs)
		default:
			merged[key] = value
		}
	}
	return merged
}

func readYaml(file string) (values, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	parsed := values{}
	if err := parseYaml(text, &parsed); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return parsed, nil
}

// By way of JSON, as Helm does it.
func parseYaml(text []byte, into *values) error {
	var parsed interface{}
	if err := yaml.UnmarshalStrict(text, &parsed); err != nil {
		return err
	}
	encoded, err := json.Marshal(withStringKeys(parsed))
	if err != nil {
		return err
	}
	return json.Unmarshal(encoded, into)
}

func withStringKeys(value interface{}) interface{} {
	switch it := value.(type) {
	case map[interface{}]interface{}:
		object := values{}
		for key, one := range it {
			object[fmt.Sprint(key)] = withStringKeys(one)
		}
		return object
	case []interface{}:
		for at, one := range it {
			it[at] = withStringKeys(one)
		}
	}
	return value
}
