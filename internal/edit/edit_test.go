package edit_test

import (
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/edit"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

func path(steps ...any) []any { return steps }

// Each edit changes what it is to change, and not one byte more.
func TestApply(t *testing.T) {
	for _, tt := range []struct {
		name     string
		document int
		field    []any
		value    any
		in, want string
	}{
		// A value that is there.
		{name: "plain", field: path("a", "b"), value: int64(31), in: "a:\n  b: 1 # one\n  c: 2\n",
			want: "a:\n  b: 31 # one\n  c: 2\n"},
		{name: "in a list", field: path("l", 1, "w"), value: int64(6), in: "l:\n- w: 1\n-   w: 2\n",
			want: "l:\n- w: 1\n-   w: 6\n"},
		{name: "list entry", field: path("l", 1), value: "ottawa", in: "l:\n  - a\n  - otawa   # typo\n",
			want: "l:\n  - a\n  - ottawa   # typo\n"},
		{name: "double quotes", field: path("a"), value: "ottawa", in: "a: \"ot\\\"awa\" # x\n",
			want: "a: \"ottawa\" # x\n"},
		{name: "single quotes", field: path("a"), value: "it's", in: "a: 'ot''awa' # x\n", want: "a: 'it''s' # x\n"},
		{name: "quoted number", field: path("a"), value: true, in: "a: \"false\"\n", want: "a: true\n"},
		{name: "text that looks like a number", field: path("a"), value: "012", in: "a: x\n", want: "a: \"012\"\n"},
		{name: "text that looks like a truth", field: path("a"), value: "no", in: "a: x\n", want: "a: \"no\"\n"},
		{name: "text with a hash", field: path("a"), value: "x # y", in: "a: x\n", want: "a: 'x # y'\n"},
		{name: "text on lines", field: path("a"), value: "x\ny", in: "a: x\n", want: "a: \"x\\ny\"\n"},
		{name: "flow", field: path("a", "b", 1), value: "z", in: "a: {b: [x, y], c: d}\n",
			want: "a: {b: [x, z], c: d}\n"},
		{name: "nothing yet", field: path("a"), value: true, in: "a:   # fill\nb: 1\n",
			want: "a: true   # fill\nb: 1\n"},
		{name: "null", field: path("a"), value: true, in: "a: null\n", want: "a: true\n"},
		{name: "an anchor that nothing refers to", field: path("a"), value: int64(2), in: "a: &x  1\n",
			want: "a: &x  2\n"},
		{name: "line ends", field: path("b"), value: int64(2), in: "a: 1\r\nb: 1\r\n", want: "a: 1\r\nb: 2\r\n"},
		{name: "no final line end", field: path("b"), value: int64(2), in: "a: 1\nb: 1", want: "a: 1\nb: 2"},
		{name: "byte order mark", field: path("a"), value: int64(2), in: "\ufeffa: 1\nb: 1\n",
			want: "\ufeffa: 2\nb: 1\n"},
		{name: "characters", field: path("ä", "ö"), value: "ü", in: "ä: {é: ñ, ö: å} # ø\n",
			want: "ä: {é: ñ, ö: ü} # ø\n"},
		{name: "second document", document: 1, field: path("a"), value: int64(2), in: "# x\na: 1\n---\na: 1\n...\n",
			want: "# x\na: 1\n---\na: 2\n...\n"},
		{name: "after an empty document", document: 2, field: path("a"), value: int64(2),
			in: "---\n---\n# none\n---\na: 1\n", want: "---\n---\n# none\n---\na: 2\n"},
		{name: "JSON", field: path("a"), value: "y", in: "{\n  \"a\": \"x\"\n}\n", want: "{\n  \"a\": \"y\"\n}\n"},
		{name: "compact lists", field: path(0, 1), value: "z", in: "- - a\n  - b\n", want: "- - a\n  - z\n"},

		// A key that is not there.
		{name: "further key", field: path("spec", "propagateDeps"), value: true,
			in:   "spec:\n  a:\n    b: 1\n  # about what follows\n\n---\nx: 1\n",
			want: "spec:\n  a:\n    b: 1\n  propagateDeps: true\n  # about what follows\n\n---\nx: 1\n"},
		{name: "further key in the middle", field: path("a", "c"), value: true,
			in: "a:\n    b: 1\n\nd: 2\n", want: "a:\n    b: 1\n    c: true\n\nd: 2\n"},
		{name: "at the end of the file", field: path("c"), value: "d", in: "a: b", want: "a: b\nc: d"},
		{name: "with the file's line ends", field: path("c"), value: "d", in: "a: b\r\n", want: "a: b\r\nc: d\r\n"},
		{name: "after a list as far left", field: path("a", "c"), value: true,
			in: "a:\n  b:\n  - x\n  - y\nd: 1\n", want: "a:\n  b:\n  - x\n  - y\n  c: true\nd: 1\n"},
		{name: "after text", field: path("a", "c"), value: true,
			in: "a:\n  b: |\n    x\n    # y\nd: 1\n", want: "a:\n  b: |\n    x\n    # y\n  c: true\nd: 1\n"},
		{name: "after text that keeps its end", field: path("a", "c"), value: true,
			in: "a:\n  b: |+\n    x\n\nd: 1\n", want: "a:\n  b: |+\n    x\n\n  c: true\nd: 1\n"},
		{name: "after quoted text", field: path("a", "c"), value: true,
			in: "a:\n  b: \"x\n    y\"\n", want: "a:\n  b: \"x\n    y\"\n  c: true\n"},
		{name: "in a list's mapping", field: path("l", 0, "c"), value: "d",
			in:   "l:\n  - a: 1\n    b:\n      - x\n  - a: 2\n",
			want: "l:\n  - a: 1\n    b:\n      - x\n    c: d\n  - a: 2\n"},
		{name: "with its parents", field: path("a", "b", "c"), value: "d", in: "a:\n  x: 1\n",
			want: "a:\n  x: 1\n  b:\n    c: d\n"},
		{name: "below a key without a value", field: path("a", "b"), value: "d", in: "a: # soon\nx: 1\n",
			want: "a: # soon\n  b: d\nx: 1\n"},
		{name: "beside a merge", field: path("b", "z"), value: int64(1), in: "a: &a {x: 1}\nb:\n  <<: *a\n",
			want: "a: &a {x: 1}\nb:\n  <<: *a\n  z: 1\n"},
		{name: "below an anchor", field: path("a", "c"), value: "d", in: "a: &a\n  b: 1\n",
			want: "a: &a\n  b: 1\n  c: d\n"},
		{name: "flow", field: path("a", "c"), value: "d", in: "a: { b: 1 } # x\n", want: "a: { c: d, b: 1 } # x\n"},
		{name: "flow, with its parents", field: path("a", "c", "d", "-"), value: "e", in: "a: {b: 1}\n",
			want: "a: {c: {d: [e]}, b: 1}\n"},
		{name: "empty flow", field: path("a", "c"), value: "d", in: "a: {} # x\n", want: "a: {c: d} # x\n"},
		{name: "JSON", field: path("a", "c"), value: "d", in: "{\"a\": {\n  \"b\": 1\n}}\n",
			want: "{\"a\": {\n  \"c\": \"d\",\n  \"b\": 1\n}}\n"},

		// A further entry of a list.
		{name: "further entry", field: path("l", "-"), value: "./agent.yaml",
			in:   "l:\n  - ./a.yaml # a\n  # - ./b.yaml\nx: 1\n",
			want: "l:\n  - ./a.yaml # a\n  - ./agent.yaml\n  # - ./b.yaml\nx: 1\n"},
		{name: "as far left as its key", field: path("l", "-"), value: "b", in: "l:\n- a\nx: 1\n",
			want: "l:\n- a\n- b\nx: 1\n"},
		{name: "quoted like the last", field: path("l", "-"), value: "b", in: "l:\n  - \"a\"\n",
			want: "l:\n  - \"a\"\n  - \"b\"\n"},
		{name: "after a mapping", field: path("l", "-"), value: "b", in: "l:\n  - a: 1\n    c: 2",
			want: "l:\n  - a: 1\n    c: 2\n  - b"},
		{name: "with an anchor", field: path("l", "-"), value: "b", in: "l: &l\n  - a\n",
			want: "l: &l\n  - a\n  - b\n"},
		{name: "flow", field: path("l", "-"), value: "c", in: "l: [a, 'b' ,] # x\n", want: "l: [a, 'b', 'c' ,] # x\n"},
		{name: "flow on lines", field: path("l", "-"), value: "c", in: "l: [\n  a,\n  {b: [1]}\n]\n",
			want: "l: [\n  a,\n  {b: [1]},\n  c\n]\n"},
		{name: "empty flow", field: path("l", "-"), value: "c", in: "l: []\n", want: "l: [c]\n"},
		{name: "below a key without a value", field: path("l", "-"), value: "c", in: "l:", want: "l:\n  - c"},
		{name: "a new list", field: path("l", "-"), value: "c", in: "a: 1\n", want: "a: 1\nl:\n  - c\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := edit.Apply([]byte(tt.in), []fleet.Edit{
				{Origin: fleet.Origin{Document: tt.document}, Field: tt.field, Value: tt.value}})
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestApplyRefuses(t *testing.T) {
	for _, tt := range []struct {
		name     string
		document int
		field    []any
		in, want string
	}{
		{"a field of an alias", 0, path("b", "x"), "a: &a {x: 1}\nb: *a\n",
			"b.x: the value is an alias, so other places change too"},
		{"an alias", 0, path("b"), "a: &a 1\nb: *a\n", "b: the value is an alias, so other places change too"},
		{"a field of an anchor in use", 0, path("a", "x"), "a: &a {x: 1}\nb: *a\n",
			"a.x: an alias elsewhere refers to the value, so that place changes too"},
		{"an anchor in use", 0, path("a"), "a: &a 1\nb: [*a]\n",
			"a: an alias elsewhere refers to the value, so that place changes too"},
		{"below an anchor that is merged", 0, path("a", "z"), "a: &a {x: 1}\nb:\n  <<: *a\n",
			"a.z: an alias elsewhere refers to the value, so that place changes too"},
		{"merged", 0, path("b", "x"), "a: &a {x: 1}\nb:\n  <<: *a\n  y: 1\n",
			"b.x: a merge key (<<) brings it from another place"},
		{"merged from several", 0, path("b", "x"), "a: &a {x: 1}\nb:\n  <<: [{z: 1}, *a]\n",
			"b.x: a merge key (<<) brings it from another place"},
		{"a variable", 0, path("a"), "a: ${WEIGHT:=1}\n", "a: a variable stands there"},
		{"a part of a variable", 0, path("a"), "a: \"x-${B}\"\n", "a: a variable stands there"},
		{"a directive", 0, path("a"), "a: '{{ .weight }}'\n", "a: a variable stands there"},
		{"a mapping", 0, path("a"), "a: {b: 1}\n", "a: more than one value stands there"},
		{"a block of text", 0, path("a"), "a: |\n  x\n", "a: text on several lines stands there"},
		{"text on lines", 0, path("a"), "a: x\n  y\n", "a: text on several lines stands there"},
		{"quoted text on lines", 0, path("a"), "a: 'x\n  y'\n", "a: text on several lines stands there"},
		{"a tag", 0, path("a"), "a: !!int 1\n", "a: a value with a tag (!) stands there"},
		{"no list", 0, path("a", 0), "a: {b: 1}\n", "a[0]: there is no such place"},
		{"no mapping", 0, path("a", "b"), "a: [b]\n", "a.b: there is no such place"},
		{"a list that is shorter", 0, path("a", 1), "a: [b]\n", "a[1]: there is no such place"},
		{"below a value", 0, path("a", "b"), "a: c\n", "a.b: there is no such place"},
		{"an entry of a list that is not there", 0, path("a", 0), "b: c\n", "a[0]: there is no such place"},
		{"no document", 1, path("a"), "a: c\n", "a: the file has no such document"},
		{"an empty document", 0, path("a"), "---\n---\na: c\n", "a: the file has no such document"},
		{"a key twice", 0, path("a"), "a: c\nb: 1\nb: 2\n", "a: the file cannot be read as YAML"},
		{"no YAML", 0, path("a"), "a: [\n", "a: the file cannot be read as YAML"},
		{"encrypted", 0, path("a"),
			"a: ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]\nsops: {mac: \"ENC[AES256_GCM,data:eA==]\", version: 3.9.0}\n",
			"a: the file is encrypted with SOPS"},
		{"beside what is encrypted", 0, path("a"),
			"a: 1\n---\nb: 1\nsops: {mac: \"ENC[AES256_GCM,data:eA==]\", version: 3.9.0}\n",
			"a: the file is encrypted with SOPS"},
		// The last line of the quoted text stands where the mapping ends.
		{"text that reaches out of its place", 0, path("a", "c"), "a:\n  b: \"x\ny\"\n",
			"a.c: it cannot be changed here without changing something else"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := edit.Apply([]byte(tt.in), []fleet.Edit{
				{Origin: fleet.Origin{Document: tt.document}, Field: tt.field, Value: "v"}})
			if err == nil {
				t.Fatalf("not refused:\n%s", got)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

// Several edits see what those before them have made.
func TestApplySeveral(t *testing.T) {
	in := "l:\n  - a\nspec: {}\n"
	got, err := edit.Apply([]byte(in), []fleet.Edit{
		{Field: path("l", "-"), Value: "b"},
		{Field: path("l", "-"), Value: "c"},
		{Field: path("spec", "x"), Value: true},
		{Origin: fleet.Origin{Field: path("spec")}, Field: path("z"), Value: int64(1)},
	})
	if want := "l:\n  - a\n  - b\n  - c\nspec: {z: 1, x: true}\n"; err != nil || string(got) != want {
		t.Errorf("got\n%s%v\nwant\n%s", got, err, want)
	}
	_, err = edit.Apply([]byte(in), []fleet.Edit{{Field: path("spec", "x"), Value: true},
		{Field: path("spec", "x", "y"), Value: true}})
	if err == nil || !strings.HasPrefix(err.Error(), "spec.x.y: ") {
		t.Errorf("below what the first has set: %v", err)
	}
}
