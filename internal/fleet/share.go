package fleet

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Share lets equal parts of the objects' contents be one and the same. Nobody can tell, since contents are
// never changed; but applications that are much alike then take about half the memory, which is for
// whoever holds a tree for days.
func (t *Tree) Share() {
	s := sharing{texts: map[string]part{}, parts: map[string]part{}}
	for i, object := range t.Objects {
		if object.Content != nil {
			shared := *object
			shared.Content = s.share(object.Content).value.(map[string]any)
			t.Objects[i] = &shared
		}
	}
}

// sharing is what has been shared so far: texts, and maps and lists by the keys of all that they hold.
type sharing struct{ texts, parts map[string]part }

// part is a value, and a short key that no other one has.
type part struct {
	value any
	key   string
}

func (s *sharing) share(value any) part {
	switch value := value.(type) {
	case string:
		return s.text(value)
	case map[string]any:
		values := make(map[string]any, len(value))
		key := []byte{'{'}
		for _, name := range sorted(value) {
			text, p := s.text(name), s.share(value[name])
			values[text.value.(string)] = p.value
			key = appendText(appendText(key, text.key), p.key)
		}
		return s.one(string(key), values)
	case []any:
		values := make([]any, len(value))
		key := []byte{'['}
		for i := range value {
			p := s.share(value[i])
			values[i] = p.value
			key = appendText(key, p.key)
		}
		return s.one(string(key), values)
	default:
		return part{value, fmt.Sprintf("%T %v", value, value)}
	}
}

// one is the map or list of that content: the first that was seen.
func (s *sharing) one(content string, value any) part {
	p, known := s.parts[content]
	if !known {
		p = part{value, fmt.Sprintf("#%d", len(s.parts))}
		s.parts[content] = p
	}
	return p
}

func (s *sharing) text(text string) part {
	p, known := s.texts[text]
	if !known {
		text = strings.Clone(text) // not a slice of a whole file
		p = part{text, fmt.Sprintf("$%d", len(s.texts))}
		s.texts[text] = p
	}
	return p
}

// appendText appends a text such that where it ends is certain.
func appendText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}
