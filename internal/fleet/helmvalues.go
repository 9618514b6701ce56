package fleet

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"sigs.k8s.io/yaml"
)

const (
	helmReleaseKind = "HelmRelease.helm.toolkit.fluxcd.io"
	ociKind         = "OCIRepository.source.toolkit.fluxcd.io"
	helmChartKind   = "HelmChart.source.toolkit.fluxcd.io"
)

// finder looks an object up where a HelmRelease would: at its own API server. The kind is "Kind.group".
type finder func(kind, namespace, name string) (Object, bool)

// release is a HelmRelease and the values that it gives its chart, as far as they can be read.
type release struct {
	helmv2.HelmRelease
	object Object
	find   finder
	layers []layer // of values, the lowest precedence first
}

// layer is one source of values.
type layer struct {
	// values are nil where the source cannot be read: then it may hold anything.
	values map[string]any
	// from is "values", or Kind/name of the valuesFrom object.
	from string
	// field leads to the values in the document at origin, by in the release's object. A whole path follows both
	// where inline.
	origin Origin
	field  []any
	by     []any
	inline bool
}

// Leaves that stand for a value that a targetPath would set.
type (
	unreadable struct{} // the object is not in Git
	lacking    struct{} // the object is in Git and has no such key
)

// value is what the values of a release hold at one path.
type value struct {
	state State
	data  any // the leaf; nil unless found
	from  string
	// origin and field lead to where the value stands; shown to it, or to what brings it, in the release's object.
	origin Origin
	field  []any
	shown  []any
	// hidden is true where a source of higher precedence cannot be read and may say otherwise.
	hidden bool
}

// newRelease reads a HelmRelease. What cannot be decoded stays empty.
func newRelease(object Object, find finder) release {
	r := release{object: object, find: find}
	r.Namespace, r.Name = object.Namespace, object.Name
	spec := mapAt(object.Content, "spec")
	decodeFields(spec, &r.Spec, "chart", "values")
	if chart := mapAt(spec, "chart", "spec"); chart != nil {
		r.Spec.Chart = &helmv2.HelmChartTemplate{}
		decodeFields(chart, &r.Spec.Chart.Spec)
	}
	r.layers = r.readValues(at(spec, "values"))
	if text, _ := at(spec, "valuesFrom").(string); hasVariable(text) {
		by := []any{"spec", "valuesFrom"}
		r.layers = slices.Insert(r.layers, 0, layer{from: "valuesFrom", origin: object.Origin, field: by, by: by})
	}
	return r
}

// decodeFields decodes each field by itself, so that one that still holds a variable, or a redacted value, does not
// hide the others.
func decodeFields(fields map[string]any, into any, except ...string) {
	for name, field := range fields {
		if slices.Contains(except, name) {
			continue
		}
		if text, err := json.Marshal(map[string]any{name: field}); err == nil {
			_ = json.Unmarshal(text, into)
		}
	}
}

// readValues orders the sources of values: valuesFrom in turn, the inline values over them, and what has a targetPath
// over everything.
//
// Source: fluxcd/pkg chartutil/values.go, ChartValuesFromReferences.
func (r release) readValues(inline any) []layer {
	var files, single []layer
	for i, ref := range r.Spec.ValuesFrom {
		from, ok := r.readReference(ref, i)
		switch {
		case !ok:
		case ref.TargetPath != "":
			single = append(single, from)
		default:
			files = append(files, from)
		}
	}
	own := []any{"spec", "values"}
	values := layer{values: map[string]any{}, from: "values", origin: r.object.Origin, field: own, by: own,
		inline: true}
	switch inline := inline.(type) {
	case map[string]any:
		values.values = inline
	case string: // a variable
		values.values = nil
	}
	return slices.Concat(files, []layer{values}, single)
}

// readReference reads one entry of valuesFrom; false where it certainly adds nothing.
func (r release) readReference(ref helmv2.ValuesReference, index int) (layer, bool) {
	by := []any{"spec", "valuesFrom", index}
	result := layer{from: ref.Kind + "/" + ref.Name, origin: r.object.Origin, field: by, by: by}
	var leaf any = unreadable{}
	if object, ok := r.find(ref.Kind, r.object.Namespace, ref.Name); ok && ref.Name != "" {
		result.origin = object.Origin
		leaf, result.field = entry(object, ref.GetValuesKey())
	}
	switch {
	case hasVariable(ref.TargetPath): // it may be any of the values
		return result, true
	case hasVariable(ref.ValuesKey):
		leaf = unreadable{}
	}
	if ref.TargetPath != "" {
		result.values = nested(ref.TargetPath, leaf)
		return result, true
	}
	switch text := leaf.(type) {
	case lacking:
		return layer{}, false
	case string:
		var values map[string]any
		if yaml.Unmarshal([]byte(text), &values) == nil && values != nil {
			result.values = values
		}
		return result, strings.TrimSpace(text) != ""
	}
	hidden, _ := ReadRedacted(leaf)
	return result, hidden.Class != Empty
}

// entry is one key of a ConfigMap or Secret, and the field that leads to it.
func entry(object Object, key string) (any, []any) {
	for _, holder := range []string{"stringData", "data"} {
		if leaf := at(object.Content, holder, key); leaf != nil {
			return leaf, []any{holder, key}
		}
	}
	return lacking{}, []any{"data"}
}

// nested are values with one leaf at a targetPath. A path into a list makes the whole list unreadable, since nothing
// here looks at single entries of one.
func nested(target string, leaf any) map[string]any {
	const dot = "\x00" // stands for an escaped dot
	if prefix, _, isList := strings.Cut(target, "["); isList {
		target, leaf = prefix, unreadable{}
	}
	keys := strings.Split(strings.ReplaceAll(target, `\.`, dot), ".")
	for _, key := range slices.Backward(keys) {
		leaf = map[string]any{strings.ReplaceAll(key, dot, "."): leaf}
	}
	return leaf.(map[string]any)
}

// value looks a path up. A readable value counts even where an unreadable source has precedence over it, because such
// a source holds the credentials and little else; hidden then tells.
func (r release) value(keys ...string) value {
	hidden := layer{}
	for _, source := range slices.Backward(r.layers) {
		if source.values == nil {
			hidden = source
			continue
		}
		leaf, ok := source.leaf(keys)
		if !ok {
			continue
		}
		found := source.place(keys)
		found.hidden = hidden.from != ""
		switch leaf.(type) {
		case nil, lacking: // null takes the chart's default away
			found.state = Missing
		case unreadable:
			found.state = Unknown
		default:
			found.state, found.data = Found, leaf
		}
		return found
	}
	if hidden.from != "" {
		found := hidden.place(keys)
		found.state, found.hidden = Unknown, true
		return found
	}
	own := join([]any{"spec", "values"}, texts(keys)...)
	return value{state: Missing, origin: r.object.Origin, field: own, shown: own}
}

// leaf is what the layer says of a path; false where it says nothing.
func (l layer) leaf(keys []string) (any, bool) {
	var current any = l.values
	for _, key := range keys {
		fields, ok := current.(map[string]any)
		if !ok { // what stands above the path replaces everything below it
			return replaced(current), true
		}
		if isRedacted(fields) {
			return unreadable{}, true
		}
		if current, ok = fields[key]; !ok {
			return nil, false
		}
	}
	return current, true
}

// replaced is what is left of a path when something that is no map stands in its way.
func replaced(leaf any) any {
	switch leaf := leaf.(type) {
	case unreadable, lacking:
		return leaf
	case string:
		if hasVariable(leaf) {
			return unreadable{}
		}
	}
	return nil
}

func (l layer) place(keys []string) value {
	found := value{from: l.from, origin: l.origin, field: l.field, shown: l.by}
	if l.inline {
		found.field = join(l.field, texts(keys)...)
		found.shown = found.field
	}
	return found
}

// text is a scalar value, trimmed as the chart's templates render it.
func (r release) text(keys ...string) (string, value) {
	found := r.value(keys...)
	if found.state != Found {
		return "", found
	}
	text, ok := scalar(found.data)
	if !ok || hasVariable(text) {
		found.state = Unknown
		return "", found
	}
	return strings.TrimSpace(text), found
}

// chartsOwn is true where nothing that can be read gives a value, so that the chart's own is taken to count.
func (v value) chartsOwn() bool { return v.state == Missing || v.hidden && v.data == nil }

// fields merges a map of the values over all sources; unknown where one of them cannot be read.
func (r release) fields(keys ...string) (map[string]any, State) {
	merged, state := map[string]any{}, Missing
	for _, source := range r.layers {
		if source.values == nil {
			state = Unknown
			continue
		}
		leaf, ok := source.leaf(keys)
		if !ok {
			continue
		}
		fields, isMap := leaf.(map[string]any)
		if text, _ := leaf.(string); hasVariable(text) {
			leaf = unreadable{}
		}
		switch {
		case leaf == unreadable{} || isRedacted(leaf):
			state = Unknown
		case !isMap:
			clear(merged)
		default:
			for key, field := range fields {
				merged[key] = field
			}
			if state == Missing {
				state = Found
			}
		}
	}
	return merged, state
}

// chartName is the last part of the chart's name, path or address, and its version or range of versions, without
// decoding the rest of the HelmRelease.
func chartName(object Object, find finder) (name, version string) {
	spec := mapAt(object.Content, "spec")
	if chart := mapAt(spec, "chart", "spec"); chart != nil {
		if url := textAt(chart, "url"); url != "" {
			return path.Base(url), textAt(chart, "ref", "tag")
		}
		return path.Base(textAt(chart, "chart")), textAt(chart, "version")
	}
	ref := mapAt(spec, "chartRef")
	namespace := textAt(ref, "namespace")
	if namespace == "" {
		namespace = object.Namespace
	}
	name = textAt(ref, "name")
	switch textAt(ref, "kind") {
	case "OCIRepository":
		if source, ok := find(ociKind, namespace, name); ok {
			versions := mapAt(source.Content, "spec", "ref")
			return path.Base(textAt(source.Content, "spec", "url")),
				textAt(versions, "tag") + textAt(versions, "semver")
		}
	case "HelmChart":
		if source, ok := find(helmChartKind, namespace, name); ok {
			return path.Base(textAt(source.Content, "spec", "chart")), textAt(source.Content, "spec", "version")
		}
	}
	// The source is not in Git. Only Karmada's chart has an installMode.
	if strings.Contains(name, karmadaChart) && textAt(spec, "values", "installMode") != "" {
		return karmadaChart, ""
	}
	return path.Base(name), ""
}
