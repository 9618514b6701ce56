package difftest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"

	"github.com/rollcall-dev/rollcall/internal/secret"
)

// applied are the objects of a build that Flux applies, as it applies them: with the common metadata, without what is
// told to be left alone.
//
// Source: fluxcd/pkg/ssa utils/io.go ReadObjects, utils/metadata.go SetCommonMetadata; fluxcd/kustomize-controller
// internal/controller/kustomization_controller.go apply, applyOpts.ExclusionSelector.
func applied(objects []map[string]any, common *kustomizev1.CommonMetadata) []map[string]any {
	var out []map[string]any
	for _, o := range objects {
		if o["kind"] == "Kustomization" && strings.HasPrefix(fmt.Sprint(o["apiVersion"]), "kustomize.config.k8s.io/") {
			continue
		}
		meta, _ := o["metadata"].(map[string]any)
		if common != nil && meta != nil {
			add(meta, "labels", common.Labels)
			add(meta, "annotations", common.Annotations)
		}
		disabled := false
		for _, field := range []string{"labels", "annotations"} {
			m, _ := meta[field].(map[string]any)
			disabled = disabled || m["kustomize.toolkit.fluxcd.io/reconcile"] == "disabled"
		}
		if !disabled {
			out = append(out, o)
		}
	}
	return out
}

func add(meta map[string]any, field string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	m, _ := meta[field].(map[string]any)
	for name, value := range values {
		m = with(m, name, any(value))
	}
	meta[field] = m
}

func redacted(objects []map[string]any) []map[string]any {
	var out []map[string]any
	for _, o := range objects {
		out = append(out, secret.Redact(o))
	}
	return plain(out)
}

// plain are the objects as JSON has them, so that no difference of Go types is taken for one of content.
func plain(objects []map[string]any) []map[string]any {
	data, err := json.Marshal(objects)
	if err != nil {
		panic(err) // the objects came from YAML
	}
	var out []map[string]any
	if err := json.Unmarshal(data, &out); err != nil {
		panic(err)
	}
	return out
}

// maxDifferences bounds what is printed for one Kustomization.
const maxDifferences = 12

// diffObjects says what the loader and Flux make differently of a Kustomization.
func diffObjects(ours, theirs []map[string]any) []string {
	a, b := byID(ours), byID(theirs)
	var out []string
	for _, id := range slices.Sorted(maps.Keys(a)) {
		if len(a[id]) != len(b[id]) {
			out = append(out, fmt.Sprintf("%s: %d by the loader, %d by Flux", id, len(a[id]), len(b[id])))
			continue
		}
		for i := range a[id] {
			out = append(out, diff(id, a[id][i], b[id][i])...)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(b)) {
		if len(a[id]) == 0 {
			out = append(out, fmt.Sprintf("%s: 0 by the loader, %d by Flux", id, len(b[id])))
		}
	}
	if len(out) > maxDifferences {
		out = append(out[:maxDifferences], fmt.Sprintf("… and %d more", len(out)-maxDifferences))
	}
	return out
}

func byID(objects []map[string]any) map[string][]any {
	out := map[string][]any{}
	for _, o := range objects {
		meta, _ := o["metadata"].(map[string]any)
		id := fmt.Sprintf("%v %v %v/%v", o["apiVersion"], o["kind"], meta["namespace"], meta["name"])
		out[id] = append(out[id], o)
	}
	return out
}

func diff(at string, ours, theirs any) []string {
	if reflect.DeepEqual(ours, theirs) {
		return nil
	}
	var out []string
	a, isMap := ours.(map[string]any)
	b, both := theirs.(map[string]any)
	if text, ok := theirs.(string); isMap && ok && a["$class"] != nil && a["$len"] == float64(len(text)) {
		return nil // which the loader knows to be in a Secret, too
	}
	if isMap && both {
		all := maps.Clone(a)
		maps.Copy(all, b)
		for _, key := range slices.Sorted(maps.Keys(all)) {
			_, inA := a[key]
			_, inB := b[key]
			switch {
			case inA && inB:
				out = append(out, diff(at+" ."+key, a[key], b[key])...)
			case inA:
				out = append(out, fmt.Sprintf("%s .%s: %s by the loader alone", at, key, short(a[key])))
			default:
				out = append(out, fmt.Sprintf("%s .%s: %s by Flux alone", at, key, short(b[key])))
			}
		}
		return out
	}
	x, isList := ours.([]any)
	y, both := theirs.([]any)
	if isList && both && len(x) == len(y) {
		for i := range x {
			out = append(out, diff(fmt.Sprintf("%s[%d]", at, i), x[i], y[i])...)
		}
		return out
	}
	return []string{fmt.Sprintf("%s: %s by the loader, %s by Flux", at, short(ours), short(theirs))}
}

// short is a redacted value in one line.
func short(v any) string {
	data, _ := json.Marshal(v)
	if len(data) > 160 {
		return string(data[:160]) + "…"
	}
	return string(data)
}

var longQuote = regexp.MustCompile("(?s)\\[?\\{[\"{].*|\"[^\"]{40,}\"|`[^`]*`|'[^'\n]{80,}'|\\[patch: .*")

// safe is the end of an error's text, where kustomize says what is wrong, without what it quotes of the files.
func safe(err error) string {
	text := strings.Join(strings.Fields(longQuote.ReplaceAllString(err.Error(), "…")), " ")
	if len(text) > 400 {
		text = "… " + text[len(text)-400:]
	}
	return text
}
