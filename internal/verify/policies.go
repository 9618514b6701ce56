package verify

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// maxDifferences is how many fields of one policy are listed.
const maxDifferences = 10

// key is what a policy is called at an API server.
type key struct{ kind, namespace, name string }

// comparePolicies compares the policies, where it is plain which API server of the tree is meant.
func comparePolicies(f *fleet.Fleet, live fleet.Live) []Policy {
	servers := f.KarmadaServers()
	if live.APIServer != "" {
		servers = []string{live.APIServer}
	}
	inGit, complete := policiesOf(f, servers)
	all := []Policy{}
	seen := map[key]bool{}
	for _, object := range live.Objects {
		if object.Group != "policy.karmada.io" {
			continue
		}
		k := key{object.Kind, object.Namespace, object.Name}
		seen[k] = true
		p := Policy{Kind: k.kind, Namespace: k.namespace, Name: k.name, State: "same", Differences: []string{},
			Problems: []Problem{}}
		mine, known := inGit[k]
		switch {
		case !known && len(servers) == 0:
			continue // nobody knows what the tree brings there
		case !known && complete:
			p.State = "extra"
			p.problem(fleet.Warning, "%s is at the Karmada API server and not in Git", k)
		case !known:
			p.State = "extra"
			p.problem(fleet.Info,
				"%s is at the Karmada API server and not in Git, which may not show all that is brought there", k)
		default:
			p.File = mine.Origin.File
			p.Differences = append(p.Differences, differences(mine.Content["spec"], object.Content["spec"], "spec")...)
			if count := len(p.Differences); count > 0 {
				severity := fleet.Warning
				if mine.Suspended {
					severity = fleet.Info
				}
				p.State = "differs"
				p.problem(severity, "%s is not as Git has it: %s", k, listed(p.Differences))
				p.Differences = p.Differences[:min(count, maxDifferences)]
			}
		}
		all = append(all, p)
	}
	for k, object := range inGit {
		if !seen[k] && !object.Suspended {
			p := Policy{Kind: k.kind, Namespace: k.namespace, Name: k.name, File: object.Origin.File, State: "missing",
				Differences: []string{}}
			p.problem(fleet.Error, "%s is in Git and not at the Karmada API server", k)
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Policy) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// policiesOf are the policies that Git sends to the API servers, and whether it shows all that is sent there. A
// namespace that is left out is the default one, and one whose name is not known here is left out.
func policiesOf(f *fleet.Fleet, servers []string) (map[key]fleet.Object, bool) {
	policies, complete := map[key]fleet.Object{}, true
	for _, server := range servers {
		complete = complete && f.APIServers[server].Complete
		for kind, namespaces := range f.Objects[server] {
			plain, group, _ := strings.Cut(kind, ".")
			if group != "policy.karmada.io" {
				continue
			}
			for namespace, names := range namespaces {
				if namespace == "" && !strings.HasPrefix(plain, "Cluster") {
					namespace = "default"
				}
				for name, object := range names {
					if strings.Contains(namespace+name, "${") {
						complete = false
						continue
					}
					policies[key{plain, namespace, name}] = *object
				}
			}
		}
	}
	return policies, complete
}

func (k key) String() string {
	if k.namespace == "" {
		return fmt.Sprintf("%s %q", k.kind, k.name)
	}
	return fmt.Sprintf("%s %q", k.kind, k.namespace+"/"+k.name)
}

func (p *Policy) problem(severity fleet.Severity, format string, args ...any) {
	kind := p.State
	p.Problems = append(p.Problems, Problem{kind, severity, secret.Message(fmt.Sprintf(format, args...))})
}

// listed are the first of some fields, and how many there are more.
func listed(fields []string) string {
	const shown = 3
	text := strings.Join(fields[:min(shown, len(fields))], ", ")
	if more := len(fields) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// differences are the fields in which what is live is not as Git has it. What Git leaves out may have the value that
// Karmada gives it; what has a variable in it, or is redacted, is not compared.
func differences(git, live any, path string) []string {
	if unknown(git) || isDefault(git, live, path) {
		return nil
	}
	switch g := git.(type) {
	case map[string]any:
		l, ok := live.(map[string]any)
		if !ok && live != nil {
			return []string{path}
		}
		return fieldDifferences(g, l, path)
	case []any:
		l, _ := live.([]any)
		if len(g) != len(l) {
			return []string{path}
		}
		var all []string
		for i := range g {
			all = append(all, differences(g[i], l[i], path+"["+strconv.Itoa(i)+"]")...)
		}
		return all
	case nil:
		if l, ok := live.(map[string]any); ok {
			return fieldDifferences(nil, l, path)
		}
	}
	if plain(git) != plain(live) {
		return []string{path}
	}
	return nil
}

func fieldDifferences(git, live map[string]any, path string) []string {
	names := []string{}
	for name := range git {
		names = append(names, name)
	}
	for name := range live {
		if _, both := git[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all []string
	for _, name := range names {
		all = append(all, differences(git[name], live[name], path+"."+name)...)
	}
	return all
}

// unknown is true for what cannot be compared: a variable without a known value, a redacted secret.
func unknown(git any) bool {
	switch g := git.(type) {
	case string:
		return strings.Contains(g, "${") || strings.Contains(g, "$class") || strings.Contains(g, "://…@")
	case map[string]any:
		_, redacted := fleet.ReadRedacted(g)
		return redacted
	}
	return false
}

// plain is a scalar as a text that is the same for each way to decode it; what is empty is the
// same as what is left out.
func plain(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case bool:
		if !v {
			return ""
		}
	case int:
		return plain(float64(v))
	case int64:
		return plain(float64(v))
	case float64:
		if v == 0 {
			return ""
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	case map[string]any:
		if len(v) == 0 {
			return ""
		}
	case []any:
		if len(v) == 0 {
			return ""
		}
	}
	return fmt.Sprint(value)
}

// defaults are what Karmada puts into a policy that leaves a field out, by its path without indexes; "*" is any value.
//
// Source: karmada v1.18.2 pkg/apis/policy/v1alpha1/propagation_types.go (+kubebuilder:default);
// pkg/webhook/propagationpolicy/mutating.go:60; pkg/util/helper/policy.go:39, 121, 129. Up to v1.14 the webhook adds
// tolerations.
var defaults = map[string][]string{
	"spec.conflictResolution":                                        {"Abort"},
	"spec.preemption":                                                {"Never"},
	"spec.schedulerName":                                             {"default-scheduler"},
	"spec.propagateDeps":                                             {"*"},
	"spec.resourceSelectors[].namespace":                             {"*"},
	"spec.placement.clusterTolerations":                              {"*"},
	"spec.placement.replicaScheduling.replicaSchedulingType":         {"Divided"},
	"spec.placement.replicaScheduling.replicaDivisionPreference":     {"Weighted"},
	"spec.placement.spreadConstraints[].spreadByField":               {"cluster"},
	"spec.placement.spreadConstraints[].minGroups":                   {"1"},
	"spec.failover.application.purgeMode":                            {"Gracefully", "Graciously"},
	"spec.failover.application.gracePeriodSeconds":                   {"600"},
	"spec.failover.application.decisionConditions.tolerationSeconds": {"300"},
	"spec.failover.cluster.purgeMode":                                {"Gracefully"},
}

func isDefault(git, live any, path string) bool {
	if plain(git) != "" || plain(live) == "" {
		return false
	}
	values := defaults[withoutIndexes(path)]
	return slices.Contains(values, "*") || slices.Contains(values, plain(live))
}

// withoutIndexes turns every [3] of a path into [].
func withoutIndexes(path string) string {
	var b strings.Builder
	inside := false
	for _, letter := range path {
		if inside = inside && letter != ']'; !inside {
			b.WriteRune(letter)
		}
		inside = inside || letter == '['
	}
	return b.String()
}
