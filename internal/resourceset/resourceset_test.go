package resourceset

import (
	"strings"
	"testing"
	"time"
)

// Templates that would take for ever, all memory or the stack end with the limit.
func TestHostile(t *testing.T) {
	for name, template := range map[string]string{
		"range":           `<< range 9000000000 >><< end >>`,
		"nested":          `<< define "a" >><< range 9000 >><< range 9000 >><< range 9000 >>x<< end >><< end >><< end >><< end >><< template "a" >>`,
		"recursion":       `<< define "a" >><< if gt . 0 >><< template "a" (sub . 1) >><< template "a" (sub . 1) >><< end >><< end >><< template "a" 60 >>`,
		"doubling":        `<< $x := "0123456789" >><< range 60 >><< $x = print $x $x >><< end >><< $x >>`,
		"until":           `<< until 2000000000 >>`,
		"step":            `<< untilStep 0 2000000000 1 >>`,
		"seq":             `<< seq 1 2000000000 >>`,
		"repeat":          `<< repeat 2000000000 "x" >>`,
		"indent":          `<< indent 2000000000 "x" >>`,
		"width":           `<< printf "%999999d%999999d" 1 2 >>`,
		"star":            `<< printf "%*d" 999999 2 >>`,
		"replace":         `<< $x := repeat 1000000 "a" >><< replace "a" $x $x >>`,
		"regex":           `<< $x := repeat 1000000 "a" >><< regexReplaceAll "a" $x $x >>`,
		"cycle":           `<< $d := dict >><< $_ := set $d "d" $d >><< $d >>`,
		"cycle in a list": `<< $d := dict >><< $l := list $d >><< $_ := set $d "d" $l >><< toJson $d >>`,
		"shared":          `<< $d := dict "a" "0123456789" >><< range 60 >><< $d = dict "a" $d "b" $d >><< end >><< $d >>`,
		"uniq":            `<< uniq (until 100000) >>`,
		"join":            `<< join (repeat 100000 "x") (until 100000) >>`,
		"large":           strings.Repeat("x", maxTemplate+1),
		"deep":            strings.Repeat("<< if 1 >>", maxActions+1),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			r := Build(map[string]any{"spec": map[string]any{"resourcesTemplate": template}}, nil, NewBudget())
			if !r.Limit || r.Failed == nil || r.Failed.Why != errLimit.Error() || len(r.Objects) > 0 {
				t.Errorf("limit %v, failed %v", r.Limit, r.Failed)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// What reads the environment, a file, the clock or chance is no function of a template, or makes its objects unknown.
func TestHermetic(t *testing.T) {
	for _, name := range []string{"env", "expandenv", "now", "date", "getHostByName", "randAlpha", "uuidv4", "htmlDate",
		"readFile", "include"} {
		r := Build(map[string]any{"spec": map[string]any{"resourcesTemplate": "<< " + name + " >>"}}, nil, NewBudget())
		if r.Failed == nil || !strings.Contains(r.Failed.Why, "not defined") {
			t.Errorf("%s: %v", name, r.Failed)
		}
	}
	for _, call := range []string{`randInt 1 9`, `toDate "2006-01-02" "2020-01-01"`, `"1h" | ago`} {
		r := Build(map[string]any{"spec": map[string]any{"resourcesTemplate": "<< " + call + " >>"}}, nil, NewBudget())
		if r.Failed != nil || len(r.Unknown) != 1 {
			t.Errorf("%s: %v, unknown %v", call, r.Failed, r.Unknown)
		}
	}
}

// A value of which a variable is not known may stand in the output, and decides on nothing.
func TestUnknownInput(t *testing.T) {
	for template, unknown := range map[string]bool{
		`<< inputs.open >>`:                                 false,
		`<< inputs.open | quote >>`:                         false,
		`<< if inputs.known >>a<< end >>`:                   false,
		`<< if eq inputs.open "x" >>a<< end >>`:             true,
		`<< with inputs.open >>a<< end >>`:                  true,
		`<< range inputs.list >>a<< end >>`:                 true,
		`<< inputs.open | int >>`:                           true,
		`<< $x := inputs.open >><< $x >>`:                   true,
		`<< get inputs "open" >>`:                           true,
		`<< define "a" >><< . >><< end >>`:                  false,
		`<< template "a" inputs.open >>`:                    true,
		`<< printf "%s-%s" inputs.known inputs.open >>`:     true,
		`<< (index inputs.list 0).name >>`:                  true,
		`<< inputs.known >><< upper inputs.known >>`:        false,
		`<< if inputs.known >><< inputs.open >><< end >>`:   false,
		`<< inputs.map.known | upper >>`:                    false,
		`<< inputs.map.open | upper >>`:                     true,
		`<< range $k, $v := inputs >><< $k >>x<< end >>`:    true,
		`<< inputs.open | default "x" >>`:                   true,
		`<< ternary "a" "b" (hasPrefix "x" inputs.open) >>`: true,
	} {
		template = `<< define "a" >>x<< end >>` + strings.Replace(template, `define "a"`, `define "b"`, 1)
		r := Build(map[string]any{"spec": map[string]any{"resourcesTemplate": template,
			"inputs": []any{map[string]any{"known": "k", "open": "${OPEN}",
				"list": []any{map[string]any{"name": "${OPEN}"}},
				"map":  map[string]any{"known": "k", "open": "${OPEN}"}}}}}, nil, NewBudget())
		if (len(r.Unknown) > 0) != unknown {
			t.Errorf("%s: unknown %v, failed %v", template, r.Unknown, r.Failed)
		}
	}
}
