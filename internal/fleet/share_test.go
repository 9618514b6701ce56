package fleet_test

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// Sharing changes no content, and leaves one of each map.
func TestShare(t *testing.T) {
	for _, dir := range []string{"../../testdata/fleet", "../../testdata/seed"} {
		read := func() *fleet.Tree {
			tree, err := loader.Load(t.Context(), os.DirFS(dir), loader.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return tree
		}
		shared, tree := read(), read()
		for i := range 2 { // such as decoders make
			for _, tree := range []*fleet.Tree{shared, tree} {
				tree.Objects = append(tree.Objects, &fleet.Object{Content: map[string]any{
					"a": []any{int64(1), float64(1), "1", true, nil, map[string]any{}, []any{}, []any{nil},
						[]any{"", ""}, []any{"#0", "$0"}},
					"b": map[string]any{"a": int64(i)}, "c": map[string]any{"a": "b"}, "d": map[string]any{"ab": ""},
				}}, &fleet.Object{})
			}
		}
		shared.Share()
		if !reflect.DeepEqual(shared.Objects, tree.Objects) {
			t.Errorf("%s: the objects are not the same", dir)
		}
		at := map[string]uintptr{}
		var look func(any)
		look = func(value any) {
			switch value := value.(type) {
			case map[string]any:
				text, err := json.Marshal(value)
				if err != nil {
					t.Fatal(err)
				}
				address := reflect.ValueOf(value).Pointer()
				if other, seen := at[string(text)]; seen && other != address {
					t.Errorf("%s: %s is there twice", dir, text)
				}
				at[string(text)] = address
				for _, part := range value {
					look(part)
				}
			case []any:
				for _, part := range value {
					look(part)
				}
			}
		}
		for _, object := range shared.Objects {
			if object.Content != nil {
				look(object.Content)
			}
		}
	}
}
