package schema

import (
	"encoding/json"
	"strings"
	"testing"
)

type inner struct {
	B string `json:"b"`
}

type outer struct {
	Null   *inner           `json:"null"`
	Absent *inner           `json:"absent,omitempty"`
	Any    map[string]any   `json:"any"`
	Map    map[string]inner `json:"map"`
}

func TestOf(t *testing.T) {
	const own = module + "/internal/schema"
	got, err := json.Marshal(Of(outer{}, "https://example.com/x", "x", Comments{
		own + ".outer":      "Outer is\nwrapped.\n\nTwice.",
		own + ".outer.Null": "Null may\nbe null.",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := `{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/x",
		"$defs": {"inner": {
			"properties": {"b": {"type": "string"}}, "additionalProperties": false, "type": "object", "required": ["b"]}},
		"properties": {
			"null": {"anyOf": [{"$ref": "#/$defs/inner"}, {"type": "null"}], "description": "Null may be null."},
			"absent": {"$ref": "#/$defs/inner"},
			"any": {"type": "object"},
			"map": {"additionalProperties": {"$ref": "#/$defs/inner"}, "type": "object"}},
		"additionalProperties": false, "type": "object", "required": ["null", "any", "map"],
		"title": "x", "description": "Outer is wrapped.\n\nTwice."}`
	if got, want := canonical(t, string(got)), canonical(t, want); got != want {
		t.Errorf("Of =\n%s\nwant\n%s", got, want)
	}
}

func canonical(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// The docstrings of the fleet are found from the module's root.
func TestReadComments(t *testing.T) {
	t.Chdir("../..")
	comments, err := ReadComments("internal/fleet")
	if err != nil {
		t.Fatal(err)
	}
	if got := comments[module+"/internal/fleet.Origin.File"]; !strings.HasPrefix(got, "File is relative to the root") {
		t.Errorf("docstring of Origin.File: %q", got)
	}
}
