package loader

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// lines is what is known of the line breaks in a variable's value, which Flux takes out.
//
// Source: fluxcd/pkg kustomize v1.35.6 kustomize_varsub.go:80 and 118.
type lines string

const (
	oneLine   lines = "one"  // there are none inside, or the value means the same without
	manyLines lines = "many" // its lines run together
	pemLines  lines = "pem"  // and it is PEM text, which then is none
)

// linesOf judges a value that is known.
func linesOf(value string) lines {
	text := strings.TrimSpace(value)
	switch {
	case !strings.Contains(text, "\n"), strings.HasPrefix(text, `"`): // in quotes of its own, "\n" may stand for them
		return oneLine
	case strings.Contains(text, "-----BEGIN "):
		return pemLines
	case json.Valid([]byte(text)):
		return oneLine
	}
	all := strings.Split(text, "\n")
	otherLength := func(line string) bool { return len(line) != len(all[0]) }
	if len(all[0]) >= 32 && wrapped.MatchString(text) && !slices.ContainsFunc(all[1:len(all)-1], otherLength) {
		return oneLine
	}
	for i, line := range all[1:] {
		before, after := strings.TrimRight(all[i], "\r"), strings.TrimRight(line, "\r")
		if before != "" && after != "" && !strings.ContainsAny(before[len(before)-1:], " \t,;:|([{") &&
			!strings.ContainsAny(after[:1], " \t,;|)]}") {
			return manyLines
		}
	}
	return oneLine
}

// wrapped is base64 in lines, which are of one length then.
var wrapped = regexp.MustCompile(`^[A-Za-z0-9+/_\r\n-]+=*$`)

// linesOfRedacted judges an entry of a Secret without its value.
func linesOfRedacted(value any) lines {
	redacted, _ := value.(map[string]any)
	if redacted["$class"] == string(fleet.Key) || redacted["$certificate"] != nil {
		return pemLines
	}
	return ""
}

// addJoined adds the variables in an object whose lines run together: those whose value is known to have several, and
// those that stand alone where PEM text belongs.
func (r *rendering) addJoined(v *variables, b built) {
	if labelled(b.object, substituteLabel, "disabled") {
		return
	}
	kind := str(b.object, "kind")
	eachText(b.object, nil, func(text string, field []any) {
		if !strings.Contains(text, "${") {
			return
		}
		joined := fleet.JoinedVariable{Origin: b.origin, Field: slices.Clone(field)}
		m := onlyVariable.FindStringSubmatch(text)
		if m != nil && v.mayExist(m[1]) && v.lines[m[1]] == "" && wantsPEM(kind, field) {
			joined.Name, joined.PEM = m[1], true
			r.Joined = append(r.Joined, joined)
			return
		}
		for _, m := range variable.FindAllStringSubmatch(strings.ReplaceAll(text, "$$", ""), -1) {
			if l := v.lines[m[1]]; l == manyLines || l == pemLines {
				joined.Name, joined.PEM = m[1], l == pemLines
				r.Joined = append(r.Joined, joined)
				return
			}
		}
	})
}

// onlyVariable is a variable and nothing else.
var onlyVariable = regexp.MustCompile(`^\s*\$\{([_a-zA-Z][_a-zA-Z0-9]*)\}\s*$`)

// mayExist tells whether a variable has a value, as far as the sources are known.
func (v *variables) mayExist(name string) bool { return v.hidden[name] || v.open || v.optional }

// wantsPEM tells whether only PEM text makes sense in a field.
//
// Source: k8s.io/api core/v1 types.go (the keys of a Secret), karmada v1.18.2 charts/karmada/values.yaml.
func wantsPEM(kind string, field []any) bool {
	key := lastKey(field)
	switch {
	case kind == "HelmRelease" && len(field) == 5 && field[1] == "values":
		return field[2] == "agent" && field[3] == "kubeconfig" && (key == "caCrt" || key == "crt" || key == "key") ||
			field[2] == "certs" && field[3] == "custom" && (strings.HasSuffix(key, "Crt") ||
				strings.HasSuffix(key, "Key"))
	case len(field) != 2 || kind == "Secret" && field[0] != "stringData" || kind == "ConfigMap" && field[0] != "data":
		return false
	case kind == "Secret" && (key == "tls.key" || key == "ssh-privatekey"):
		return true
	}
	return (kind == "Secret" || kind == "ConfigMap") && (strings.HasSuffix(key, ".crt") ||
		strings.HasSuffix(key, ".pem"))
}

// eachText calls do for each text below v, keys in their order. The field is do's for the call alone.
func eachText(v any, field []any, do func(text string, field []any)) {
	switch v := v.(type) {
	case string:
		do(v, field)
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			eachText(v[key], append(field, key), do)
		}
	case []any:
		for i := range v {
			eachText(v[i], append(field, i), do)
		}
	}
}
