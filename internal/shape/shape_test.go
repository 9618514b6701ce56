package shape_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/shape"
)

func TestObject(t *testing.T) {
	object := map[string]any{
		"kind": "PropagationPolicy",
		"metadata": map[string]any{"name": "my-app", "labels": map[string]any{"acme.example/team": "blue"},
			"annotations": map[string]any{}},
		"spec": map[string]any{
			"weights": []any{map[string]any{"weight": int64(31), "cluster": "ottawa"}, map[string]any{"weight": 0.0},
				json.Number("-2"), nil, true, []any{}},
			"names": []any{"ottawa", "my-app", "  "},
		},
	}
	d := shape.New(map[string]bool{"kind": true, "metadata": true, "name": true, "labels": true, "spec": true,
		"weights": true, "weight": true})
	want := `kind: text-1
metadata:
  key-1: an empty mapping
  labels:
    key-2: text-2
  name: text-3
spec:
  key-3:
    - text-4
    - text-3
    - an empty text
  weights:
    -
      key-4: text-4
      weight: a number above 0
    -
      weight: the number 0
    - a number below 0
    - nothing
    - true or false
    - an empty list
`
	if got := d.Object(object); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := d.Path([]any{"spec", "weights", 0, "cluster"}), "spec.weights.0.key-4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestObjectIsBounded describes what is wide and what is deep.
func TestObjectIsBounded(t *testing.T) {
	wide, deep := map[string]any{}, any("end")
	for i := range 1000 {
		wide[fmt.Sprint("k", i)] = "v"
		deep = []any{deep}
	}
	d := shape.New(nil)
	if got := d.Object(wide); strings.Count(got, "\n") != 21 || !strings.HasSuffix(got, "\n980 more\n") {
		t.Errorf("wide:\n%s", got)
	}
	if got := d.Object(deep); strings.Count(got, "\n") > 30 || strings.Contains(got, "text") {
		t.Errorf("deep:\n%s", got)
	}
}
