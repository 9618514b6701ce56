package example

import (
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

func TestParse(t *testing.T) {
	trees, err := Parse([]byte(`What it shows.
-- broken/a.yaml --
a: 1 # kept # want one "x" "say \"y\"" # want two "z"
# want-file three "whole"
b: "# want is no want"
-- healthy-two/a.yaml --
a: 2
-- broken/b.txt --
`))
	if err == nil || !strings.Contains(err.Error(), `broken/a.yaml:3: a want is written`) {
		t.Errorf("Parse = %v, %v, want an error for line 3", trees, err)
	}
	trees, err = Parse([]byte(`What it shows.
-- broken/a.yaml --
a: 1 # kept # want one "x" "say \"y\"" # want two "z"
# want-file three "whole"
-- healthy-two/a.yaml --
a: 2
-- broken/b.txt --
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Tree{
		{
			Name:  "broken",
			Files: fstest.MapFS{"a.yaml": {Data: []byte("a: 1 # kept\n\n")}, "b.txt": {Data: []byte{}}},
			Wants: []Want{
				{File: "a.yaml", Line: 1, Rule: "two", Texts: []string{"z"}},
				{File: "a.yaml", Line: 1, Rule: "one", Texts: []string{"x", `say "y"`}},
				{File: "a.yaml", Line: 0, Rule: "three", Texts: []string{"whole"}},
			},
		},
		{Name: "healthy-two", Files: fstest.MapFS{"a.yaml": {Data: []byte("a: 2\n")}}},
	}
	if !reflect.DeepEqual(trees, want) {
		t.Errorf("Parse =\n%+v, want\n%+v", trees, want)
	}
}

func TestParseRejects(t *testing.T) {
	for archive, want := range map[string]string{
		"-- other/a.yaml --\n":                  "other/a.yaml: must be below broken/ or healthy/",
		"-- broken/../a.yaml --\n":              "must be below",
		"-- broken/a.yaml --\na: 1\n":           "broken: a broken tree wants findings",
		"-- healthy/a --\na # want one \"x\"\n": "healthy: a broken tree wants findings, a healthy one none",
		"-- broken/a --\na # want one\n":        "broken/a:1: a want is written",
	} {
		if _, err := Parse([]byte(archive)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): error %v, want %q", archive, err, want)
		}
	}
}
