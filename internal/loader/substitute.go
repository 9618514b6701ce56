package loader

import (
	"errors"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/envsubst"
	"github.com/fluxcd/pkg/envsubst/parse"
	"k8s.io/apimachinery/pkg/util/json"
	sigsyaml "sigs.k8s.io/yaml"
	goyaml "sigs.k8s.io/yaml/goyaml.v2"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// variables are what a Flux Kustomization substitutes.
//
// Source: fluxcd/pkg kustomize/kustomize_varsub.go: substituteFrom in order, the later wins, spec.postBuild.substitute
// over all of them, newlines taken out.
type variables struct {
	// values are the variables whose value is known; hidden the ones that are known to exist: a Secret's keys.
	values map[string]string
	hidden map[string]bool
	// lines is what is known of the line breaks in the values.
	lines map[string]lines
	// open: a source could not be read, so any other name may have a value too; optional: one that need not be there is
	// not in the tree, and may be in the cluster.
	open, optional bool
	// always: Flux substitutes even where there is no variable at all.
	always bool
	// invalid are the names that are no names of variables, sorted: Flux then fails the whole Kustomization.
	invalid []string
	// clear is where the values stand that are in the clear in Git.
	clear map[string]variableSource
}

func (v *variables) any() bool { return len(v.values)+len(v.hidden) > 0 || v.open || v.always }

// objectFinder finds an object on a cluster's own API server, as far as the cluster has been
// followed, and where it comes from.
type objectFinder func(kind, namespace, name string) (map[string]any, fleet.Origin)

// sources says which sources of variables were found.
type sources int

const (
	allFound sources = iota
	optionalMissing
	someMissing
)

// newVariables reads the variables of a Flux Kustomization, and tells whether every source was found.
func newVariables(spec *kustomizev1.PostBuild, of fleet.Kustomization, find objectFinder) (*variables, sources) {
	v := &variables{values: map[string]string{}, hidden: map[string]bool{}, lines: map[string]lines{},
		clear: map[string]variableSource{}}
	if spec == nil {
		return v, allFound
	}
	v.always = spec.SubstituteStrategy == kustomizev1.SubstituteStrategyAlways
	found := allFound
	for _, ref := range spec.SubstituteFrom {
		object, origin := find(ref.Kind, of.Namespace, ref.Name)
		if object == nil && ref.Optional {
			found, v.optional = max(found, optionalMissing), true
			continue
		}
		if object == nil {
			found, v.open = someMissing, true
			continue
		}
		for _, field := range []string{"data", "stringData"} {
			data, _ := object[field].(map[string]any)
			for name, value := range data {
				text, isText := value.(string)
				v.set(name, text, ref.Kind != "ConfigMap" || !isText)
				if v.lines[name] = linesOf(text); !isText {
					v.lines[name] = linesOfRedacted(value)
				}
				delete(v.clear, name)
				if ref.Kind == "ConfigMap" {
					v.clear[name] = newVariableSource(name, value, origin, field, name)
				}
			}
		}
	}
	for name, value := range spec.Substitute {
		v.set(name, value, false)
		v.clear[name] = newVariableSource(name, value, fleet.Origin{}, "spec", "postBuild", "substitute", name)
		v.lines[name] = linesOf(value)
	}
	slices.Sort(v.invalid)
	v.invalid = slices.Compact(v.invalid)
	return v, found
}

// set sets a variable. The value of one that is secret, or is called like a secret, is not used: it would stand in the
// clear in whatever object it is substituted into.
func (v *variables) set(name, value string, hidden bool) {
	if !variableName.MatchString(name) {
		v.invalid = append(v.invalid, name)
		return
	}
	delete(v.values, name)
	delete(v.hidden, name)
	if _, isText := secret.Redact(map[string]any{name: value})[name].(string); hidden || !isText {
		v.hidden[name] = true
		return
	}
	v.values[name] = strings.ReplaceAll(value, "\n", "")
}

// substituteLabel on an object, as a label or an annotation with the value "disabled", keeps substitution out of it.
const substituteLabel = "kustomize.toolkit.fluxcd.io/substitute"

// errUnknownValue: the object holds variables whose values are not known here, and with their names in the
// values' place it cannot be read.
var errUnknownValue = errors.New("a variable's value is not known")

// apply substitutes in an object, and gives the names, sorted, that stand there without a default and that no source
// defines, as far as all sources are known. A variable whose value is not known here stays as it is written. An error
// is errUnknownValue, or what fails the whole Kustomization: envsubst cannot parse the text, or the result is no YAML.
func (v *variables) apply(object map[string]any) (substituted map[string]any, undefined []string, err error) {
	if labelled(object, substituteLabel, "disabled") {
		return object, nil, nil
	}
	if substituted, undefined, ok := v.applyToTexts(object); ok {
		return substituted, undefined, nil
	}
	text, err := goyaml.Marshal(object) // what sigs.k8s.io/yaml writes, without its way through JSON
	if err != nil {
		return nil, nil, err
	}
	out, undefined, kept, err := v.eval(string(text))
	if err != nil {
		return nil, nil, err
	}
	data, err := sigsyaml.YAMLToJSON([]byte(out))
	if err == nil {
		err = json.Unmarshal(data, &substituted)
	}
	if err != nil && kept {
		err = errUnknownValue
	}
	return substituted, undefined, err
}

// eval substitutes in a text, and gives the names as apply does; kept tells that a variable stayed as it is written.
func (v *variables) eval(text string) (out string, undefined []string, kept bool, err error) {
	// Names without a value or a default stay as they are: before Flux 2.9 they were blanked, since then they fail the
	// Kustomization, and both is for the rules to say. Any other form has a default, or makes something of nothing.
	bare, missing := v.bare(text), map[string]bool{}
	out, err = envsubst.Eval(text, func(name string) (string, bool) {
		if value, ok := v.values[name]; ok {
			return value, true
		}
		missing[name] = !v.hidden[name]
		if v.hidden[name] || bare[name] {
			kept = true
			return "${" + name + "}", true
		}
		return "", true
	})
	if err != nil {
		return "", nil, false, err
	}
	if slices.Contains(slices.Collect(maps.Values(missing)), true) {
		doubtful := v.open || v.optional
		undefined = required(text)
		undefined = slices.DeleteFunc(undefined, func(name string) bool {
			return !missing[name] || doubtful && v.near(name) == ""
		})
	}
	return out, undefined, kept, nil
}

func labelled(object map[string]any, key, value string) bool {
	meta, _ := object["metadata"].(map[string]any)
	for _, field := range []string{"labels", "annotations"} {
		if m, _ := meta[field].(map[string]any); m[key] == value {
			return true
		}
	}
	return false
}

var variableName = regexp.MustCompile(`^[_a-zA-Z][_a-zA-Z0-9]*$`)

var simpleVariable = regexp.MustCompile(`\$\{([_a-zA-Z][_a-zA-Z0-9]*)\}`)

// bare are the names of ${NAME} in a text, without a default, that no source defines.
func (v *variables) bare(text string) map[string]bool {
	names := map[string]bool{}
	text = strings.ReplaceAll(text, "$$", "") // which stands for one "$" and begins no variable
	for _, m := range simpleVariable.FindAllStringSubmatch(text, -1) {
		if _, ok := v.values[m[1]]; !ok {
			names[m[1]] = true
		}
	}
	return names
}

// required are the names in a text, sorted, that must have a value: bare, or with an operator that reads the value.
//
// Source: fluxcd/pkg envsubst/v1.8.0 template.go evalFunc and isDefaultOp.
func required(text string) (names []string) {
	tree, err := parse.Parse(text)
	if err != nil {
		return nil
	}
	var walk func(parse.Node)
	walk = func(n parse.Node) {
		switch n := n.(type) {
		case *parse.ListNode:
			for _, n := range n.Nodes {
				walk(n)
			}
		case *parse.FuncNode:
			for _, n := range n.Args {
				walk(n)
			}
			switch n.Name {
			case "-", "+", "=", "?", ":-", ":+", ":=", ":?":
			default:
				names = append(names, n.Param)
			}
		}
	}
	walk(tree.Root)
	slices.Sort(names)
	return slices.Compact(names)
}

// near is the variable that is defined and differs from a name in the case of letters, or in separators,
// alone: the first of several.
func (v *variables) near(name string) string {
	var found []string
	for _, names := range []iter.Seq[string]{maps.Keys(v.values), maps.Keys(v.hidden)} {
		for other := range names {
			if other != name && plainName(other) == plainName(name) {
				found = append(found, other)
			}
		}
	}
	slices.Sort(found)
	return strings.Join(found[:min(1, len(found))], "")
}

// plainName is a name without what is easily mistaken in it.
func plainName(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }
