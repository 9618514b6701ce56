package rules

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// merge sorts findings and leaves one of those that say the same of the same place: a folder that several clusters
// share is wrong once. The gravest stays, and among equals the first cluster's. Where they would be mended in different
// ways there is no one right answer, and no edit is left.
func merge(found []fleet.Finding) []fleet.Finding {
	slices.SortStableFunc(found, func(a, b fleet.Finding) int {
		return cmp.Or(compare(a, b), cmp.Compare(rank(a.Severity), rank(b.Severity)), compareObjects(a.Object, b.Object))
	})
	var merged []fleet.Finding
	for _, f := range found {
		last := len(merged) - 1
		if last < 0 || compare(merged[last], f) != 0 || f.Place.File == "" && merged[last].Object != f.Object {
			merged = append(merged, f)
		} else if !reflect.DeepEqual(merged[last].Edits, f.Edits) {
			merged[last].Edits = nil
		}
	}
	return merged
}

func compare(a, b fleet.Finding) int {
	return cmp.Or(
		cmp.Compare(a.Place.File, b.Place.File),
		cmp.Compare(a.Place.Document, b.Place.Document),
		cmp.Compare(a.Place.Line, b.Place.Line),
		comparePaths(a.Place.Field, b.Place.Field),
		comparePaths(a.Field, b.Field),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Message, b.Message),
	)
}

func rank(s fleet.Severity) int {
	return slices.Index([]fleet.Severity{fleet.Error, fleet.Warning, fleet.Info}, s)
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
