package engine

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// regoFile is a rule's text: METADATA with the subjects, the package and the body.
func regoFile(id, subjects, body string) string {
	return fmt.Sprintf(`# METADATA
# title: Title of %[1]s
# description: Description.
# related_resources:
#   - ref: https://example.com/%[1]s
# custom:
#   severity: warning
#   subjects: [%[2]s]
#   fix: mend it
#   source: [source of %[1]s]
package rules["%[1]s"]

%[3]s
`, id, subjects, body)
}

// newTestEngine compiles files in place of the built-in rules.
func newTestEngine(t testing.TB, severities map[string]fleet.Severity, files map[string]string) (*Engine, error) {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return newEngine(context.Background(), []source{{name: "rules", fsys: fsys}}, severities)
}

func mustEngine(t testing.TB, severities map[string]fleet.Severity, files map[string]string) *Engine {
	t.Helper()
	e, err := newTestEngine(t, severities, files)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRules(t *testing.T) {
	always := "violation contains {\"message\": \"m\"} if input.subject"
	e := mustEngine(t, map[string]fleet.Severity{"b": fleet.Off}, map[string]string{
		"b.rego":            regoFile("b", "Secret", always),
		"a.rego":            regoFile("a", "Deployment.apps, Member", always),
		"a_test.rego":       "package rules.a_test\n\nthis is not parsed",
		"lib/name.rego":     "package lib.name\n\nof(x) := x\n",
		"lib/name.txt":      "nor is this",
		"lib/deep/one.rego": "package lib.one\n\nx := 1\n",
	})
	want := []Rule{
		{ID: "a", Title: "Title of a", Description: "Description.", Fix: "mend it", Severity: fleet.Warning,
			Subjects: []string{"Deployment.apps", "Member"}, Sources: []string{"source of a"},
			Refs: []string{"https://example.com/a"}},
		{ID: "b", Title: "Title of b", Description: "Description.", Fix: "mend it", Severity: fleet.Off,
			Subjects: []string{"Secret"}, Sources: []string{"source of b"}, Refs: []string{"https://example.com/b"}},
	}
	if got := e.Rules(); !reflect.DeepEqual(got, want) {
		t.Errorf("Rules() =\n%+v, want\n%+v", got, want)
	}
}

func TestNewRejects(t *testing.T) {
	const (
		metadata = "# METADATA\n# title: T\n# custom:\n"
		body     = "\nviolation contains {\"message\": \"m\"} if input.subject\n"
	)
	rule := func(body string) map[string]string { return map[string]string{"r.rego": regoFile("r", "Secret", body)} }
	for name, test := range map[string]struct {
		files      map[string]string
		severities map[string]fleet.Severity
		want       string
	}{
		"syntax": {files: rule("violation contains if"), want: "rules/r.rego:13:"},
		"misspelt input": {
			files: rule(`violation contains {"message": input.fiel.path} if true`),
			want:  "rules/r.rego:13: rego_type_error: undefined ref: input.fiel.path",
		},
		"misspelt field of an entity": {
			files: rule(`violation contains {"message": m} if some m in input.member.agnets`),
			want:  "undefined ref: input.member.agnets",
		},
		"misspelt field behind a pointer that may be null": {
			files: rule(`violation contains {"message": m} if m := input.file.documents[_].encryption.macc`),
			want:  "undefined ref: input.file.documents[_].encryption.macc",
		},
		"misspelt fact": {
			files: rule(`violation contains {"message": m} if some m in data.fleet.membres`),
			want:  "undefined ref: data.fleet.membres",
		},
		"misspelt fact in a library": {
			files: map[string]string{"lib/x.rego": "package lib.x\n\ny := data.fleet.membership.sure\n"},
			want:  "rules/lib/x.rego:3: rego_type_error: undefined ref: data.fleet.membership.sure",
		},
		"strict": {files: rule("violation contains {\"message\": \"m\"} if { x := 1 }"), want: "assigned var x unused"},
		"network": {
			files: rule(`violation contains {"message": "m"} if http.send({}).status_code == 1`),
			want:  "undefined function http.send",
		},
		"clock": {files: rule(`violation contains {"message": "m"} if time.now_ns() > 1`),
			want: "undefined function time.now_ns"},
		"chance": {files: rule(`violation contains {"message": "m"} if rand.intn("x", 2) == 1`),
			want: "undefined function rand.intn"},

		"misspelt violation": {
			files: rule(`violatoin contains {"message": "m"} if input.subject`),
			want:  `rules/r.rego:13: a rule exports violation, a partial set, and nothing else; call "violatoin" "_violatoin"`,
		},
		"violation as a value": {files: rule(`violation := []`),
			want: `a rule exports violation, a partial set, and nothing else`},
		"no violation": {files: rule(`_x := 1`),
			want: `rules/r.rego:11: a rule must have a partial set called violation`},
		"other package": {
			files: map[string]string{"s.rego": regoFile("r", "Secret", body)},
			want:  `rules/s.rego:11: package data.rules.r must be rules["s"], like its file`,
		},
		"outside": {files: map[string]string{"s.rego": "package fleet\n"},
			want: `rules/s.rego:1: package data.fleet must be rules["<id>"] or lib.<name>`},
		"id": {files: map[string]string{"A_b.rego": regoFile("A_b", "Secret", body)},
			want: `rule id "A_b" must be kebab-case`},
		"package twice": {
			files: map[string]string{"lib/a.rego": "package lib.a\n", "lib/b.rego": "package lib.a\n"},
			want:  "rules/lib/b.rego: package data.lib.a is already in rules/lib/a.rego",
		},

		"no metadata": {files: map[string]string{"r.rego": "package rules.r\n" + body},
			want: `rule "r" has no METADATA`},
		"no title": {files: map[string]string{
			"r.rego": "# METADATA\n# custom: {severity: error, subjects: [Secret]}\npackage rules.r\n" + body},
			want: "rules/r.rego:1: METADATA of rule \"r\": title is missing"},
		"no severity": {files: map[string]string{"r.rego": metadata + "#   subjects: [Secret]\npackage rules.r\n" +
			body}, want: "custom.severity is missing"},
		"severity": {files: map[string]string{"r.rego": metadata + "#   severity: fatal\npackage rules.r\n" + body},
			want: "custom.severity must be one of error, warning, info"},
		"no subjects": {files: map[string]string{"r.rego": metadata + "#   severity: error\npackage rules.r\n" + body},
			want: "custom.subjects is missing"},
		"subjects": {files: map[string]string{"r.rego": regoFile("r", "apps/Deployment", body)},
			want: `custom.subjects: "apps/Deployment" must be`},
		"misspelt entity": {files: map[string]string{"r.rego": regoFile("r", "Membr", body)},
			want: `custom.subjects: "Membr" is neither an entity nor the kind of a core object; another kind is written "Kind.group"; did you mean "Member"?`},
		"kind without its group": {files: map[string]string{"r.rego": regoFile("r", "Deployment", body)},
			want: `custom.subjects: "Deployment" is neither`},
		"unknown key": {files: map[string]string{
			"r.rego": metadata + "#   severty: error\npackage rules.r\n" + body}, want: "custom.severty is none of"},

		"unknown rule": {
			files:      map[string]string{"secret-encrypted.rego": regoFile("secret-encrypted", "Secret", body)},
			severities: map[string]fleet.Severity{"secret-encripted": fleet.Off},
			want:       `no rule is called "secret-encripted"; did you mean "secret-encrypted"?`,
		},
		"unlike any rule": {files: rule(body), severities: map[string]fleet.Severity{"quite-different": fleet.Off},
			want: `no rule is called "quite-different"`},
		"no severity at all": {
			files:      rule(body),
			severities: map[string]fleet.Severity{"r": "fatal"},
			want:       `rule "r": severity "fatal" is none of error, warning, info, off`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newTestEngine(t, test.severities, test.files)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want it to contain %q", err, test.want)
			}
		})
	}
}

func TestNewStopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := New(ctx, Options{}); err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// What OPA's built-in rules must not see twice: a user's folder may use the libraries and must not change them.
func TestDirs(t *testing.T) {
	own := fstest.MapFS{"own.rego": {Data: []byte(regoFile(
		"own", "Member", `violation contains {"message": data.lib.greet.text} if input.member`))}}
	base := fstest.MapFS{"lib/greet.rego": {Data: []byte("package lib.greet\n\ntext := \"hello\"\n")}}
	e, err := newEngine(t.Context(), []source{{name: "rules", fsys: base}, {fsys: own}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	member := fleet.Subject{Kind: "Member", Input: fleet.Input{Member: &fleet.Member{Name: "m"}}}
	found, err := e.check(t.Context(), &fleet.Fleet{}, []fleet.Subject{member})
	if err != nil || len(found) != 1 || found[0].Message != "hello" {
		t.Errorf("found %+v, %v, want hello", found, err)
	}
	_, err = newEngine(t.Context(), []source{{name: "rules", fsys: base}, {fsys: base}}, nil)
	if want :=
		"read the rules: lib/greet.rego: package data.lib.greet is already in rules/lib/greet.rego"; err == nil ||
		err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	_, err = newEngine(t.Context(), []source{{name: "rules", fsys: base}, {fsys: own}, {fsys: own}}, nil)
	if want :=
		"read the rules: own.rego of rule folder 2: package data.rules.own is already in own.rego of rule folder 1"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
