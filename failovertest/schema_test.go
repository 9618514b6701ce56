//go:build !karmada1.16

package failovertest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	refusal "github.com/rollcall-dev/rollcall/internal/karmada"
)

// crd is a version of a kind as the API server has it, with what is held against the schema alone.
type crd struct {
	kind, apiVersion string
	props            *apiextensions.JSONSchemaProps
	structural       *structuralschema.Structural
	validator        validation.SchemaValidator
}

// releases are those that the program has the schemas of.
var releases = map[int]string{16: "v1.16.0", 17: "v1.17.1", 18: "v1.18.2"}

// crds are Karmada's own.
func crds(t *testing.T, release string) []crd {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json",
		"github.com/karmada-io/karmada@"+release).Output()
	if err != nil {
		t.Fatal(err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(module.Dir, "charts/karmada/_crds/bases/*/*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var all []crd
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(data, &d); err != nil {
			t.Fatal(err)
		}
		for _, version := range d.Spec.Versions {
			root := version.Schema.OpenAPIV3Schema
			delete(root.Properties, "metadata")
			delete(root.Properties, "status")
			c := crd{kind: d.Spec.Names.Kind, apiVersion: d.Spec.Group + "/" + version.Name,
				props: &apiextensions.JSONSchemaProps{}}
			if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
				root, c.props, nil); err != nil {
				t.Fatal(err)
			}
			if c.structural, err = structuralschema.NewStructural(c.props); err != nil {
				t.Fatal(err)
			}
			if c.validator, _, err = validation.NewSchemaValidator(c.props); err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
		}
	}
	return all
}

// refuses is what the API server has against an object.
func (c crd) refuses(object map[string]any) []string {
	object = runtime.DeepCopyJSON(object)
	var all []string
	for _, path := range pruning.PruneWithOptions(object, c.structural, true,
		structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		all = append(all, "unknown: "+path)
	}
	defaulting.Default(object, c.structural)
	for _, err := range validation.ValidateCustomResource(nil, object, c.validator) {
		all = append(all, err.Error())
	}
	for _, err := range listtype.ValidateListSetsAndMaps(nil, c.structural, object) {
		all = append(all, err.Error())
	}
	return all
}

// TestSchemas holds the schemas that are part of the program against the API server's own way with the CRDs, on objects
// by chance: each is taken by both or refused by both.
func TestSchemas(t *testing.T) {
	all := map[int][]crd{}
	for minor, release := range releases {
		all[minor] = crds(t, release)
	}
	minors := slices.Sorted(maps.Keys(all))
	good, bad, failed := 0, 0, 0
	for seed := range cases(t) {
		random := rand.New(rand.NewPCG(seed, 22))
		minor := minors[random.IntN(len(minors))]
		c := all[minor][random.IntN(len(all[minor]))]
		faults := float64(random.IntN(4)) / 100
		object, isMap := made(random, c.props, faults, 0).(map[string]any)
		if !isMap {
			continue
		}
		object["apiVersion"], object["kind"] = c.apiVersion, c.kind
		theirs := c.refuses(object)
		var ours []string
		for _, p := range refusal.Problems(object, minor) {
			if p.Kind.BySchema() {
				ours = append(ours, string(p.Kind)+": "+p.Message)
			}
		}
		if len(theirs) > 0 {
			bad++
		} else {
			good++
		}
		if (len(theirs) > 0) != (len(ours) > 0) {
			if failed++; failed <= 10 {
				text, _ := json.Marshal(object)
				t.Errorf("seed %d, %s of 1.%d\n%s\nours    %q\ntheirs  %q", seed, c.kind, minor, text, ours, theirs)
			}
		}
	}
	t.Logf("%d objects are taken, %d refused, by both; %d differ", good, bad, failed)
	if good == 0 || bad == 0 {
		t.Error("all objects are alike")
	}
}

// made is a value for a schema, with faults by chance.
func made(random *rand.Rand, s *apiextensions.JSONSchemaProps, faults float64, depth int) any {
	wrong := func() bool { return random.Float64() < faults }
	if wrong() && s.Format == "" { // else the API server takes an empty list for a time
		return []any{"text", int64(7), true, []any{}, map[string]any{}, "12", 1.5}[random.IntN(7)]
	}
	pick := func(of ...any) any { return of[random.IntN(len(of))] }
	switch {
	case s.XIntOrString:
		return pick(int64(3), "100m", "2Gi")
	case len(s.Enum) > 0:
		if wrong() {
			return "nothing"
		}
		return s.Enum[random.IntN(len(s.Enum))]
	case s.Type == "boolean":
		return random.IntN(2) == 0
	case s.Type == "integer":
		if wrong() {
			return pick(int64(-1), int64(0), int64(1)<<40)
		}
		return int64(random.IntN(40) + 1)
	case s.Type == "string":
		if wrong() || s.Format == "date-time" {
			return pick("", strings.Repeat("x", 400), "2026-01-01T00:00:00Z", "yesterday")
		}
		return pick("a", "member-1", "apps/v1", "Deployment")
	case s.Type == "array":
		list := []any{}
		for range random.IntN(3) {
			list = append(list, made(random, s.Items.Schema, faults, depth+1))
		}
		if len(list) == 0 && s.MinItems != nil && !wrong() {
			list = append(list, made(random, s.Items.Schema, faults, depth+1))
		}
		return list
	case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
		return map[string]any{"a": made(random, s.AdditionalProperties.Schema, faults, depth+1)}
	case s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields:
		if s.Type == "" {
			return pick("text", int64(1), true, []any{map[string]any{"a": "b"}, []any{"c"}},
				map[string]any{"a": []any{map[string]any{"b": int64(1)}}})
		}
		return map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
			"anything": map[string]any{"x": int64(1), "y": []any{map[string]any{"z": "a"}}}}
	}
	object := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[name]
		needed := slices.Contains(s.Required, name) && !wrong()
		if needed || random.IntN(depth/2+2) == 0 {
			object[name] = made(random, &property, faults, depth+1)
		}
	}
	if wrong() {
		object["nobodyKnows"] = "it"
	}
	return object
}

// TestSchemasAreWritten holds the file in the program against what go generate makes of Karmada's modules.
func TestSchemasAreWritten(t *testing.T) {
	written := filepath.Join(t.TempDir(), "schemas.json.gz")
	if out, err := exec.CommandContext(t.Context(), "go", "run", "./schemas", written).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !bytes.Equal(unpacked(t, written), unpacked(t, "../internal/karmada/schemas.json.gz")) {
		t.Error("internal/karmada/schemas.json.gz is out of date: go generate ./...")
	}
}

// unpacked is the content of a compressed file.
func unpacked(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
