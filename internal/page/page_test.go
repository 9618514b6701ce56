package page_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/failover"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/page"
)

var island = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)

// written is the page of a tree and what is in its data.
func written(t *testing.T, f *fleet.Fleet, findings []fleet.Finding, report string) (html string, data struct {
	Policies []page.Policy
	Answers  [][]page.Answer
}) {
	t.Helper()
	var b bytes.Buffer
	if err := page.Write(&b, f, findings, []byte(report)); err != nil {
		t.Fatal(err)
	}
	found := island.FindStringSubmatch(b.String())
	if found == nil {
		t.Fatal("no data")
	}
	if err := json.Unmarshal([]byte(found[1]), &data); err != nil {
		t.Fatal(err)
	}
	return b.String(), data
}

// TestCells holds every cell of the page to what rollcall failover answers.
func TestCells(t *testing.T) {
	for _, tree := range []string{"fleet", "seed"} {
		fsys := os.DirFS("../../testdata/" + tree)
		c, err := config.Read(fsys, config.Name)
		if err != nil {
			t.Fatal(err)
		}
		read, err := loader.Load(t.Context(), fsys, loader.Options{Exclude: c.Exclude})
		if err != nil {
			t.Fatal(err)
		}
		f := fleet.Build(read, c.Declared())
		_, data := written(t, f, nil, "{}")
		survey := failover.Survey(f, failover.Question{Policies: failover.Policies(f)})
		if len(data.Policies) != len(survey.Policies) || len(data.Policies) == 0 {
			t.Fatalf("%s: %d policies, want %d", tree, len(data.Policies), len(survey.Policies))
		}
		for i, r := range survey.Policies {
			p := data.Policies[i]
			answers := data.Answers[p.Answers]
			if p.Name != r.Policy.Name || !slices.Equal(p.Members, r.Members) || len(answers) != len(r.Scenarios) {
				t.Errorf("%s: %+v", tree, p)
				continue
			}
			for j, s := range r.Scenarios {
				a := answers[j]
				got, _ := json.Marshal(a)
				want, _ := json.Marshal(page.Answer{Lost: append([]string{}, s.Lost...), Replicas: s.Replicas,
					Outcome: string(s.Outcome), Why: s.Why})
				if !bytes.Equal(got, want) {
					t.Errorf("%s: %s\n%s, want\n%s", tree, p.Name, got, want)
				}
			}
		}
	}
}

// TestHostile: no text of a repository leaves the data, and nothing is asked for.
func TestHostile(t *testing.T) {
	const evil = "</script><script>alert(1)</script><!--\u2028"
	read, err := loader.Load(t.Context(), fstest.MapFS{
		"clusters/a/policy.yaml": {Data: []byte(
			"apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {name: '" + evil +
				"', namespace: 'javascript:alert(1)'}\n" +
				"spec: {resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: '" +
				strings.Repeat("x", 1<<20) +
				"'}]}\n")},
	}, loader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := fleet.Build(read, fleet.Declared{})
	report, err := json.Marshal(map[string]any{"findings": []any{map[string]string{"message": evil}}})
	if err != nil {
		t.Fatal(err)
	}
	html, _ := written(t, f, []fleet.Finding{{Message: evil}}, string(report))
	if strings.Count(html, "<script") != 2 || strings.Contains(html, "alert(1)</script>") ||
		strings.Contains(html, "\u2028") {
		t.Error("a text of the repository is markup")
	}
	if len(html) > 1<<16 {
		t.Errorf("%d bytes", len(html))
	}
	if asks := regexp.MustCompile(`(src|href)="?[^#" ]`).FindString(html); asks != "" ||
		!strings.Contains(html, "default-src 'none'") {
		t.Errorf("the page asks for something: %s", asks)
	}
}
