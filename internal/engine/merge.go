package engine

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// merge sorts findings and leaves one of those that say the same of the same place: a folder that several clusters
// share is wrong once. The gravest stays, and among equals the first cluster's; it knows them all. Where they would be
// mended in different ways there is no one right answer, and no edit is left.
func merge(found []fleet.Finding) []fleet.Finding {
	slices.SortStableFunc(found, func(a, b fleet.Finding) int {
		return cmp.Or(compare(a, b), cmp.Compare(b.Severity.Rank(), a.Severity.Rank()),
			compareObjects(a.Object, b.Object), cmp.Compare(a.Message, b.Message))
	})
	var merged []fleet.Finding
	first := 0 // of those that may say the same as the one that is looked at
	for _, f := range found {
		if first < len(merged) && compare(merged[first], f) != 0 {
			first = len(merged)
		}
		same := slices.IndexFunc(merged[first:], func(m fleet.Finding) bool {
			return m.Message == f.Message || f.Object.Cluster != "" && m.Object.Cluster != "" &&
				!slices.Contains(clustersOf(m), f.Object.Cluster)
		})
		if same < 0 || f.Place.File == "" && merged[first+same].Object != f.Object {
			merged = append(merged, f)
			continue
		}
		m := &merged[first+same]
		if m.Clusters = union(clustersOf(*m), clustersOf(f)); !reflect.DeepEqual(m.Edits, f.Edits) {
			m.Edits = nil
		}
	}
	slices.SortStableFunc(merged, func(a, b fleet.Finding) int {
		return cmp.Or(compare(a, b), cmp.Compare(a.Message, b.Message))
	})
	return merged
}

// clustersOf are the Flux clusters in which a finding is found; none where it is about none.
func clustersOf(f fleet.Finding) []string {
	if f.Clusters == nil && f.Object.Cluster != "" {
		return []string{f.Object.Cluster}
	}
	return f.Clusters
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// shown is how many names of clusters a message has.
const shown = 3

// nameClusters says in the message of each finding that several clusters share which ones these are.
func nameClusters(found []fleet.Finding) {
	for i := range found {
		f := &found[i]
		switch n := len(f.Clusters); {
		case n < 2:
			f.Clusters = nil
		case n > shown:
			f.Message = fmt.Sprintf("%s (in %d Flux clusters: %s, …)", f.Message, n,
				strings.Join(f.Clusters[:shown], ", "))
		default:
			f.Message = fmt.Sprintf("%s (in %d Flux clusters: %s)", f.Message, n, strings.Join(f.Clusters, ", "))
		}
	}
}

// fault is the message of a finding without what its own cluster calls itself and the Kustomization that is judged.
func fault(f fleet.Finding) string {
	message := f.Message
	for _, name := range []string{f.Object.Cluster, f.Object.APIServer, f.Object.Name} {
		if name != "" && (name != f.Object.Name || f.Object.Kind == "Kustomization") {
			message = strings.ReplaceAll(message, fmt.Sprintf("%q", name), `""`)
		}
	}
	return message
}

// compare orders findings by place and rule; of two that differ at most in what their clusters are called it is 0.
func compare(a, b fleet.Finding) int {
	return cmp.Or(
		cmp.Compare(a.Place.File, b.Place.File),
		cmp.Compare(a.Place.Document, b.Place.Document),
		cmp.Compare(a.Place.Line, b.Place.Line),
		comparePaths(a.Place.Field, b.Place.Field),
		comparePaths(a.Field, b.Field),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(fault(a), fault(b)),
	)
}

// comparePaths puts indexes before names, and a path before those that it leads to.
func comparePaths(a, b []any) int {
	return slices.CompareFunc(a, b, func(x, y any) int {
		i, isIndex := x.(int)
		j, areIndexes := y.(int)
		switch {
		case isIndex && areIndexes:
			return cmp.Compare(i, j)
		case isIndex:
			return -1
		case areIndexes:
			return 1
		default:
			return cmp.Compare(fmt.Sprint(x), fmt.Sprint(y))
		}
	})
}

func compareObjects(a, b fleet.ObjectRef) int {
	return cmp.Or(
		cmp.Compare(a.Cluster, b.Cluster),
		cmp.Compare(a.APIServer, b.APIServer),
		cmp.Compare(a.Group, b.Group),
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name),
	)
}
