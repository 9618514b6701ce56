package loader_test

import (
	"encoding/binary"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// TestUTF16 reads UTF-16 with a byte order mark as kustomize does: as YAML, but no more than one document of it.
func TestUTF16(t *testing.T) {
	const config = "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata: {name: é, namespace: a}\r\n"
	problems := []fleet.Problem{{Kind: "encoding", Line: 1, Column: 1,
		Message: "the file is UTF-16 with several documents or faults, of which kustomize reads the first document alone"}}
	for name, c := range map[string]struct {
		text     []byte
		names    []string
		problems []fleet.Problem
	}{
		"little":    {encode(binary.LittleEndian, "\ufeff"+config), []string{"é"}, []fleet.Problem{}},
		"big":       {encode(binary.BigEndian, "\ufeff---\n"+config), []string{"é"}, []fleet.Problem{}},
		"two":       {encode(binary.LittleEndian, "\ufeff"+config+"---\n"+config), nil, problems},
		"cut off":   {append(encode(binary.LittleEndian, "\ufeff"+config), 0), nil, problems},
		"unmarked":  {encode(binary.LittleEndian, config+"é\u0100"), nil, nil},
		"empty":     {[]byte{0xff, 0xfe}, nil, []fleet.Problem{}},
		"surrogate": {[]byte{0xff, 0xfe, 0x23, 0, 0, 0xd8}, nil, []fleet.Problem{}},
	} {
		t.Run(name, func(t *testing.T) {
			tree := load(t, fstest.MapFS{"config.yaml": {Data: c.text},
				"kustomization.yaml": {Data: []byte("resources: [config.yaml]\n")}})
			var names []string
			for _, o := range tree.Objects {
				names = append(names, o.Name)
			}
			for _, f := range tree.Files {
				if f.Path != "config.yaml" {
					continue
				}
				if c.problems == nil && len(f.Problems) == 1 {
					continue
				}
				if len(f.Problems) != len(c.problems) || len(c.problems) > 0 && f.Problems[0] != c.problems[0] {
					t.Errorf("problems %+v, want %+v", f.Problems, c.problems)
				}
			}
			if len(names) != len(c.names) || len(names) > 0 && names[0] != c.names[0] {
				t.Errorf("objects %q, want %q", names, c.names)
			}
		})
	}
}

func encode(order binary.AppendByteOrder, text string) []byte {
	var data []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		data = order.AppendUint16(data, unit)
	}
	return data
}
