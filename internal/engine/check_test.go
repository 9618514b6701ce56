package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// plainSecret is a subject of kind Secret whose object is {"name": name}.
func plainSecret(cluster, name, file string) fleet.Subject {
	origin := fleet.Origin{File: file}
	return fleet.Subject{
		Kind:   "Secret",
		Object: fleet.ObjectRef{Cluster: cluster, APIServer: cluster, Kind: "Secret", Name: name},
		Origin: origin,
		Input: fleet.Input{
			Subject: "Secret", Cluster: cluster, APIServer: cluster, Origin: origin,
			Object: map[string]any{"name": name},
		},
	}
}

func TestCheckCompletes(t *testing.T) {
	e := mustEngine(t, nil, map[string]string{
		"full.rego": regoFile("full", "Secret", `violation contains {
	"message": "everything",
	"field": ["data", 2, "key"],
	"fix": "do this",
	"severity": "error",
	"origin": {"file": "other.yaml", "document": 3, "field": ["items", 1]},
	"related": [{"message": "here"}, {"message": "there", "field": ["x"], "origin": {"file": "there.yaml", "document": 0}}],
	"edits": [{"field": ["x", "-"], "value": 3}, {"field": ["y"], "value": true, "origin": {"file": "a.yaml", "document": 1}}],
} if input.object.name == "a"`),
		"bare.rego": regoFile("bare", "Secret",
			`violation contains {"message": sprintf("secret %q", [input.object.name])}`),
		"silent.rego": regoFile("silent", "Member", `violation contains {"message": "never"} if input.member`),
	})
	a := plainSecret("c", "a", "a.yaml")
	got, err := e.check(t.Context(), &fleet.Fleet{}, []fleet.Subject{a})
	if err != nil {
		t.Fatal(err)
	}
	want := []fleet.Finding{
		{
			Rule: "bare", Severity: fleet.Warning, Message: `secret "a"`, Fix: "mend it", Object: a.Object,
			Place: fleet.Place{Origin: fleet.Origin{File: "a.yaml"}},
		},
		{
			Rule: "full", Severity: fleet.Error, Message: "everything", Fix: "do this", Object: a.Object,
			Field: []any{"data", 2, "key"},
			Place: fleet.Place{Origin: fleet.Origin{File: "other.yaml", Document: 3, Field: []any{"items", 1}}},
			Related: []fleet.Related{
				{Message: "here", Place: fleet.Place{Origin: fleet.Origin{File: "a.yaml"}}},
				{Message: "there", Field: []any{"x"}, Place: fleet.Place{Origin: fleet.Origin{File: "there.yaml"}}},
			},
			Edits: []fleet.Edit{
				{Origin: fleet.Origin{File: "other.yaml", Document: 3, Field: []any{"items", 1}},
					Field: []any{"x", "-"}, Value: int64(3)},
				{Origin: fleet.Origin{File: "a.yaml", Document: 1}, Field: []any{"y"}, Value: true},
			},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("check =\n%+v, want\n%+v", got, want)
	}
}

func TestSeverities(t *testing.T) {
	files := map[string]string{
		"own.rego": regoFile("own", "Secret",
			`violation contains {"message": "m", "severity": "error"} if input.object`),
		"meta.rego": regoFile("meta", "Secret", `violation contains {"message": "m"} if input.object`),
	}
	for name, test := range map[string]struct {
		options map[string]fleet.Severity
		want    map[string]fleet.Severity
	}{
		"as written": {want: map[string]fleet.Severity{"own": fleet.Error, "meta": fleet.Warning}},
		"overridden": {
			options: map[string]fleet.Severity{"own": fleet.Info, "meta": fleet.Error},
			want:    map[string]fleet.Severity{"own": fleet.Info, "meta": fleet.Error},
		},
		"off": {options: map[string]fleet.Severity{"own": fleet.Off},
			want: map[string]fleet.Severity{"meta": fleet.Warning}},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := mustEngine(t, test.options, files).check(
				t.Context(), &fleet.Fleet{}, []fleet.Subject{plainSecret("c", "a", "a.yaml")})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]fleet.Severity{}
			for _, f := range found {
				got[f.Rule] = f.Severity
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("severities %v, want %v", got, test.want)
			}
		})
	}
}

// Every order of subjects gives the same findings in the same order, each once.
func TestCheckSortsAndMerges(t *testing.T) {
	e := mustEngine(t, nil, map[string]string{
		"r.rego": regoFile("r", "Secret", `
violation contains {"message": "second field", "field": ["x", 10]} if input.object

violation contains {"message": "first field", "field": ["x", 9]} if input.object

violation contains {"message": "graver in b", "severity": _severity} if input.object.name == "shared"

_severity := "error" if input.cluster == "b" else := "info"`),
	})
	subjects := []fleet.Subject{
		plainSecret("b", "shared", "common.yaml"), plainSecret("a", "shared", "common.yaml"),
		plainSecret("c", "z", "a.yaml"),
		plainSecret("d", "nowhere", ""), plainSecret("e", "nowhere", ""),
	}
	want := []string{
		`/d [x 9] first field warning`, `/e [x 9] first field warning`, `/d [x 10] second field warning`,
		`/e [x 10] second field warning`,
		`a.yaml/c [x 9] first field warning`, `a.yaml/c [x 10] second field warning`,
		`common.yaml/b [] graver in b (in 2 Flux clusters: a, b) error`,
		`common.yaml/a [x 9] first field (in 2 Flux clusters: a, b) warning`,
		`common.yaml/a [x 10] second field (in 2 Flux clusters: a, b) warning`,
	}
	for shift := range subjects {
		order := append(append([]fleet.Subject{}, subjects[shift:]...), subjects[:shift]...)
		found, err := e.check(t.Context(), &fleet.Fleet{}, order)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range found {
			got = append(got, fmt.Sprintf("%s/%s %v %s %s", f.Place.File, f.Object.Cluster, f.Field, f.Message,
				f.Severity))
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// Where the clusters that share a file would have it mended in different ways, there is no one right answer.
func TestCheckMergesEdits(t *testing.T) {
	e := mustEngine(t, nil, map[string]string{
		"same.rego": regoFile("same", "Secret",
			`violation contains {"message": "m", "edits": [{"field": ["x"], "value": 1}]} if input.object`),
		"other.rego": regoFile("other", "Secret",
			`violation contains {"message": "m", "edits": [{"field": ["x"], "value": input.cluster}]} if input.object`),
	})
	found, err := e.check(t.Context(), &fleet.Fleet{}, []fleet.Subject{
		plainSecret("a", "s", "common.yaml"), plainSecret("b", "s", "common.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, f := range found {
		got[f.Rule] += len(f.Edits)
	}
	if want := map[string]int{"same": 1, "other": 0}; !reflect.DeepEqual(got, want) || len(found) != 2 {
		t.Errorf("edits of %d findings: %v, want %v", len(found), got, want)
	}
}

func TestFactsAreRead(t *testing.T) {
	e := mustEngine(t, nil, map[string]string{
		"r.rego": regoFile("r", "Secret", `
violation contains {"message": "no lists"} if {
	count(data.fleet.membership.names) == 0
	count(data.fleet.clusters) == 0
}

violation contains {"message": origin.file, "origin": origin} if {
	origin := data.fleet.objects.c.Secret[""][input.object.name].origin
}`),
	})
	s := plainSecret("c", "a", "a.yaml")
	f := &fleet.Fleet{Objects: map[string]map[string]map[string]map[string]*fleet.Object{"c": {"Secret": {"": {
		"a": {ID: "c/Secret//a", Origin: fleet.Origin{File: "found.yaml", Document: 1, Field: []any{"items", 0}},
			Content: s.Input.Object},
	}}}}}
	found, err := e.check(t.Context(), f, []fleet.Subject{s})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprint(f.Place.Origin, f.Message))
	}
	if want := []string{"{a.yaml 0 []}no lists", "{found.yaml 1 [items 0]}found.yaml"}; !reflect.DeepEqual(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestCheckErrors(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"no message": {`violation contains {"field": []} if input.object`, `rule "r": violation: message is missing`},
		"no object":  {`violation contains "text" if input.object`, `rule "r": violation: must be an object`},
		"unknown key": {`violation contains {"message": "m", "feild": []} if input.object`,
			`rule "r": violation: feild is unknown`},
		"dotted field": {
			`violation contains {"message": "m", "field": "a.b"} if input.object`,
			`rule "r": violation: field must be an array`,
		},
		"index": {`violation contains {"message": "m", "field": [-1]} if input.object`,
			`rule "r": violation: field has an index that is no whole number`},
		"severity": {`violation contains {"message": "m", "severity": "off"} if input.object`,
			`rule "r": violation: severity must be error, warning or info`},
		"origin": {`violation contains {"message": "m", "origin": {"line": 1}} if input.object`,
			`rule "r": violation: origin line is unknown`},
		"related": {
			`violation contains {"message": "m", "related": [{"field": ["x"]}]} if input.object`,
			`rule "r": violation: related violation: message is missing`,
		},
		"edit without a value": {
			`violation contains {"message": "m", "edits": [{"field": ["x"]}]} if input.object`,
			`rule "r": violation: edits must have a field and a value`,
		},
		"edit with a list": {
			`violation contains {"message": "m", "edits": [{"field": ["x"], "value": [1]}]} if input.object`,
			`rule "r": violation: edits value must be text, true, false or a whole number`,
		},
		"built-in": {`violation contains {"message": "m"} if to_number(input.object.name) > 1`,
			`rules/r.rego:13: eval_builtin_error: to_number`},
	} {
		t.Run(name, func(t *testing.T) {
			e := mustEngine(t, nil, map[string]string{"r.rego": regoFile("r", "Secret", test.body)})
			_, err := e.check(t.Context(), &fleet.Fleet{}, []fleet.Subject{
				plainSecret("c", "a", "a.yaml"), plainSecret("c", "b", "b.yaml")})
			if want := "judge Secret c a in a.yaml: " + test.want; err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
			var failure *Failure
			if errors.As(err, &failure) != (name == "built-in") ||
				failure != nil && failure.Place != "rules/r.rego:13: eval_builtin_error" {
				t.Errorf("the place of %v is %+v", err, failure)
			}
		})
	}
}

// What an author wrote in the place of something else is undefined, and no failure of the rule.
func TestCheckWrongTypes(t *testing.T) {
	e := mustEngine(t, nil, map[string]string{
		"r.rego": regoFile("r", "Secret", `violation contains {"message": "m"} if {
	object.get(input.object.name, "key", 0) == 0
	count(input.object.missing) == 0
}`),
	})
	found, err := e.check(t.Context(), &fleet.Fleet{}, []fleet.Subject{plainSecret("c", "a", "a.yaml")})
	if err != nil || len(found) > 0 {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestCheckStopsWithContext(t *testing.T) {
	e := mustEngine(t, nil, map[string]string{
		"slow.rego": regoFile("slow", "Secret", `violation contains {"message": "m"} if {
	some i in numbers.range(1, 100000)
	some j in numbers.range(1, 100000)
	i * j == 0
}`),
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := e.check(ctx, &fleet.Fleet{}, []fleet.Subject{plainSecret("c", "a", "a.yaml")})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 10*time.Second {
		t.Errorf("error %v after %s, want the deadline's", err, time.Since(start))
	}
}

// Two control planes of one name, and a Kustomization that comes to be an object of the fleet, are told apart
// when they are judged again.
func TestCheckAgainNamesakes(t *testing.T) {
	const kustomization = "Kustomization.kustomize.toolkit.fluxcd.io"
	e := mustEngine(t, nil, map[string]string{
		"r.rego": regoFile("r", "ControlPlane, "+kustomization, `violation contains {"message": input.controlPlane.id}

violation contains {"message": "defined"} if input.object

violation contains {"message": "undefined"} if {
	input.kustomization
	not input.object
}`),
	})
	f := &fleet.Fleet{
		ControlPlanes: map[string]fleet.ControlPlane{
			"a/k/karmada/HelmRelease": {ID: "a/k/karmada/HelmRelease", Cluster: "a", Namespace: "k", Name: "karmada"},
			"a/k/karmada/Karmada":     {ID: "a/k/karmada/Karmada", Cluster: "a", Namespace: "k", Name: "karmada"},
		},
		Kustomizations: map[string]fleet.Kustomization{
			"a/k/apps": {ID: "a/k/apps", Cluster: "a", Namespace: "k", Name: "apps",
				Origin: fleet.Origin{File: "a.yaml"}},
		},
	}
	defined := *f
	defined.Objects = map[string]map[string]map[string]map[string]*fleet.Object{"a": {kustomization: {"k": {"apps": {
		Cluster: "a", APIServer: "a", Group: "kustomize.toolkit.fluxcd.io", Kind: "Kustomization", Namespace: "k",
		Name:    "apps",
		Content: map[string]any{"kind": "Kustomization"}, Origin: fleet.Origin{File: "a.yaml"}}}}}}
	var last *Checked
	for _, step := range []struct {
		*fleet.Fleet
		want string
	}{{f, "undefined"}, {f, "undefined"}, {&defined, "defined"}, {f, "undefined"}} {
		var err error
		if last, err = e.CheckAgain(t.Context(), last, step.Fleet); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, found := range last.Findings {
			got = append(got, found.Message)
		}
		if want := []string{"a/k/karmada/HelmRelease", "a/k/karmada/Karmada", step.want}; !reflect.DeepEqual(
			got, want) {
			t.Errorf("found %q, want %q", got, want)
		}
	}
}
