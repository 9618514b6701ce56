// Command schemas writes the file of internal/karmada that holds the schemas of Karmada's CRDs: of one release of each
// minor that the Go module proxy has, without descriptions, each part once, however many kinds and releases have it.
//
//	go run ./schemas ../internal/karmada/schemas.json.gz
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/internal/karmada"
)

// releases are those whose CRDs are taken, by the minor that they stand for.
var releases = map[int]string{16: "v1.16.0", 17: "v1.17.1", 18: "v1.18.2"}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schemas FILE")
		os.Exit(2)
	}
	data, err := Compressed()
	if err == nil {
		err = os.WriteFile(os.Args[1], data, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Compressed is the content of the file.
func Compressed() ([]byte, error) {
	text, err := Schemas()
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	z, err := gzip.NewWriterLevel(&file, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return file.Bytes(), nil
}

// Schemas are those of all releases, as JSON.
func Schemas() ([]byte, error) {
	w := writer{numbers: map[string]int{}, all: karmada.Schemas{Kinds: map[string]map[string]map[int]int{}}}
	w.number(karmada.Schema{}) // 0 is none
	minors := slices.Sorted(maps.Keys(releases))
	for _, minor := range minors {
		folder, err := module("github.com/karmada-io/karmada", releases[minor])
		if err != nil {
			return nil, err
		}
		files, err := filepath.Glob(filepath.Join(folder, "charts/karmada/_crds/bases/*/*.yaml"))
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("no CRDs in %s: %w", folder, err)
		}
		for _, file := range files {
			if err := w.definition(minor, file); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
		if err := w.aggregated(minor, folder); err != nil {
			return nil, err
		}
	}
	w.all.Minors = minors
	return json.Marshal(w.all)
}

// module is the folder of a release of a Go module.
func module(path, version string) (string, error) {
	out, err := exec.Command("go", "mod", "download", "-json", path+"@"+version).Output()
	if err != nil {
		return "", fmt.Errorf("download %s %s: %w: %s", path, version, err, out)
	}
	var downloaded struct{ Dir string }
	return downloaded.Dir, json.Unmarshal(out, &downloaded)
}

// writer numbers schemas such that equal ones have one number.
type writer struct {
	all     karmada.Schemas
	numbers map[string]int
}

func (w *writer) definition(minor int, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(data, &crd); err != nil {
		return err
	}
	kind := crd.Spec.Names.Kind + "." + crd.Spec.Group
	if w.all.Kinds[kind] == nil {
		w.all.Kinds[kind] = map[string]map[int]int{}
	}
	for _, version := range crd.Spec.Versions {
		if !version.Served {
			continue
		}
		root := version.Schema.OpenAPIV3Schema
		// The API server has its own mind of metadata, and of a status it takes nothing with the rest of the object.
		delete(root.Properties, "metadata")
		delete(root.Properties, "status")
		number, err := w.schema(root)
		if err != nil {
			return fmt.Errorf("%s %s: %w", kind, version.Name, err)
		}
		if w.all.Kinds[kind][version.Name] == nil {
			w.all.Kinds[kind][version.Name] = map[int]int{}
		}
		w.all.Kinds[kind][version.Name][minor] = number
	}
	return nil
}

// served are the kinds that servers of Karmada's own serve, by their definitions in its OpenAPI document.
var served = map[string]string{
	"Cluster.cluster.karmada.io":         "com.github.karmada-io.karmada.pkg.apis.cluster.v1alpha1.Cluster",
	"ResourceRegistry.search.karmada.io": "com.github.karmada-io.karmada.pkg.apis.search.v1alpha1.ResourceRegistry",
}

// definition is what OpenAPI says of a type. What is required, and which values are taken, their servers' code decides.
type definition struct {
	Ref        string                 `json:"$ref"`
	Type       string                 `json:"type"`
	Format     string                 `json:"format"`
	Properties map[string]*definition `json:"properties"`
	Items      *definition            `json:"items"`
	Values     *definition            `json:"additionalProperties"`
}

// aggregated adds the kinds that are no CRDs.
func (w *writer) aggregated(minor int, folder string) error {
	data, err := os.ReadFile(filepath.Join(folder, "api/openapi-spec/swagger.json"))
	if err != nil {
		return err
	}
	var document struct{ Definitions map[string]*definition }
	if err := json.Unmarshal(data, &document); err != nil {
		return err
	}
	for _, kind := range slices.Sorted(maps.Keys(served)) {
		name := served[kind]
		root := document.Definitions[name]
		if root == nil {
			return fmt.Errorf("no %s in the OpenAPI document of 1.%d", name, minor)
		}
		delete(root.Properties, "metadata")
		delete(root.Properties, "status")
		number, err := w.defined(root, document.Definitions)
		if err != nil {
			return err
		}
		if w.all.Kinds[kind] == nil {
			w.all.Kinds[kind] = map[string]map[int]int{"v1alpha1": {}}
		}
		w.all.Kinds[kind]["v1alpha1"][minor] = number
	}
	return nil
}

func (w *writer) defined(d *definition, all map[string]*definition) (number int, err error) {
	if name, isRef := strings.CutPrefix(d.Ref, "#/definitions/"); isRef {
		if name == "io.k8s.apimachinery.pkg.api.resource.Quantity" { // which is a number as well
			return w.number(karmada.Schema{IntOrString: true}), nil
		}
		if all[name] == nil {
			return 0, fmt.Errorf("no definition of %s", name)
		}
		return w.defined(all[name], all)
	}
	s := karmada.Schema{Type: d.Type, Format: d.Format}
	if d.Items != nil {
		if s.Items, err = w.defined(d.Items, all); err != nil {
			return 0, err
		}
	}
	if d.Values != nil {
		if s.Values, err = w.defined(d.Values, all); err != nil {
			return 0, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Properties)) {
		if s.Properties == nil {
			s.Properties = map[string]int{}
		}
		if s.Properties[name], err = w.defined(d.Properties[name], all); err != nil {
			return 0, err
		}
	}
	return w.number(s), nil
}

func (w *writer) schema(from *apiextensionsv1.JSONSchemaProps) (int, error) {
	if err := unknown(*from); err != nil {
		return 0, err
	}
	s := karmada.Schema{
		Type: from.Type, Format: from.Format, Pattern: from.Pattern, Required: slices.Clone(from.Required),
		Minimum: from.Minimum, Maximum: from.Maximum, MinLength: from.MinLength, MaxLength: from.MaxLength,
		MinItems: from.MinItems,
		MaxItems: from.MaxItems, IntOrString: from.XIntOrString,
		Open:       from.XPreserveUnknownFields != nil && *from.XPreserveUnknownFields,
		HasDefault: from.Default != nil,
	}
	if from.XListType != nil && *from.XListType == "map" {
		s.Keys = from.XListMapKeys
	}
	s.Set = from.XListType != nil && *from.XListType == "set"
	for _, value := range from.Enum {
		var text string
		if err := json.Unmarshal(value.Raw, &text); err != nil {
			return 0, fmt.Errorf("an enum of other things than texts: %w", err)
		}
		s.Enum = append(s.Enum, text)
	}
	var err error
	if from.Items != nil {
		if s.Items, err = w.schema(from.Items.Schema); err != nil {
			return 0, err
		}
	}
	if from.AdditionalProperties != nil && from.AdditionalProperties.Schema != nil {
		if s.Values, err = w.schema(from.AdditionalProperties.Schema); err != nil {
			return 0, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(from.Properties)) { // for one file however often it is written
		property := from.Properties[name]
		number, err := w.schema(&property)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		if s.Properties == nil {
			s.Properties = map[string]int{}
		}
		s.Properties[name] = number
	}
	return w.number(s), nil
}

// unknown is an error where a schema says what internal/karmada does not know of.
func unknown(s apiextensionsv1.JSONSchemaProps) error {
	s.Description, s.Type, s.Format, s.Pattern, s.Required, s.Enum, s.Default = "", "", "", "", nil, nil, nil
	s.Minimum, s.Maximum, s.MinLength, s.MaxLength, s.MinItems, s.MaxItems = nil, nil, nil, nil, nil, nil
	s.XPreserveUnknownFields, s.XListType, s.XListMapKeys, s.XMapType, s.Properties, s.Items = nil, nil, nil, nil, nil,
		nil
	if s.XIntOrString { // which says the same once more
		s.AnyOf = nil
	}
	s.XIntOrString = false
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		s.AdditionalProperties = nil
	}
	if text, err := json.Marshal(s); err != nil || string(text) != "{}" {
		return fmt.Errorf("%s is not known here: %w", text, err)
	}
	return nil
}

func (w *writer) number(s karmada.Schema) int {
	key, err := json.Marshal(s)
	if err != nil {
		panic(err) // no schema has what JSON has not
	}
	number, known := w.numbers[string(key)]
	if !known {
		number = len(w.all.Schemas)
		w.numbers[string(key)] = number
		w.all.Schemas = append(w.all.Schemas, s)
	}
	return number
}
