package edit

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Verify compares what Flux applies before and after the edits. Each object that was there must still be there and be
// as it was, but for the field that was to change, in every cluster that receives it; a value that a patch or a
// variable brings along does not change by its file. Further objects may come.
func Verify(before, after *fleet.Tree, edits []fleet.Edit) error {
	touched := map[document][]fleet.Edit{}
	for _, e := range edits {
		d := document{e.Origin.File, e.Origin.Document}
		touched[d] = append(touched[d], e)
	}
	fails := map[string]bool{}
	for _, k := range before.Kustomizations {
		fails[k.ID] = k.Build == fleet.Missing
	}
	now := map[string]*fleet.Object{}
	for _, o := range after.Objects {
		now[identity(o)] = o
	}
	for _, o := range before.Objects {
		other, ok := now[identity(o)]
		if !ok {
			return fmt.Errorf("%s %q is no longer applied by Flux", o.Kind, o.Name)
		}
		want, changed, err := expected(o, touched[document{o.Origin.File, o.Origin.Document}])
		switch {
		case changed && fails[o.Kustomization]: // its objects were read without their patches
			return fmt.Errorf("the build that applies %s %q fails, so the effect is not known", o.Kind, o.Name)
		case err != nil || changed && !reflect.DeepEqual(want, any(other.Content)):
			return fmt.Errorf("%w, in %s %q", errElsewhere, o.Kind, o.Name)
		case !changed && !reflect.DeepEqual(o.Content, other.Content):
			return fmt.Errorf("%s %q changes too", o.Kind, o.Name)
		}
	}
	return nil
}

var errElsewhere = errors.New("what Flux applies there is not what the file has, by a patch or a variable")

type document struct {
	file  string
	index int
}

func identity(o *fleet.Object) string {
	return fmt.Sprint(o.ID, " ", o.Kustomization, " ", o.Origin)
}

// expected is an object as the edits of its document are to make it.
func expected(o *fleet.Object, edits []fleet.Edit) (content any, changed bool, err error) {
	content = o.Content
	for _, e := range edits {
		path := e.Path()
		if n := len(o.Origin.Field); len(path) > n && slices.Equal(path[:n], o.Origin.Field) {
			changed = true
			if content, err = set(content, path[n:], e.Value); err != nil {
				return nil, true, err
			}
		}
	}
	return content, changed, nil
}
