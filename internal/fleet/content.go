package fleet

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// at follows keys through nested maps. It is nil where they lead nowhere; a redacted value is a leaf.
func at(content any, keys ...string) any {
	for _, key := range keys {
		fields, ok := content.(map[string]any)
		if !ok || isRedacted(fields) {
			return nil
		}
		content = fields[key]
	}
	return content
}

func textAt(content any, keys ...string) string {
	text, _ := at(content, keys...).(string)
	return text
}

func mapAt(content any, keys ...string) map[string]any {
	fields, ok := at(content, keys...).(map[string]any)
	if !ok || isRedacted(fields) {
		return nil
	}
	return fields
}

func listAt(content any, keys ...string) []any {
	list, _ := at(content, keys...).([]any)
	return list
}

// textsAt are the strings of a list; anything else in it is left out.
func textsAt(content any, keys ...string) []string {
	texts := []string{}
	for _, entry := range listAt(content, keys...) {
		if text, ok := entry.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// number reads a whole number as JSON and YAML decoders give it.
func number(value any) (int, bool) {
	switch n := value.(type) {
	case int:
		return n, true
	case int64:
		return int(n), true
	case float64:
		return int(n), n == float64(int(n))
	}
	return 0, false
}

// scalar is the text that a template renders for a scalar; false for anything else.
func scalar(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int, int64, float64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// hasVariable is true where a substitution variable stands whose value is not known here.
func hasVariable(text string) bool { return strings.Contains(text, "${") }

// jsonOf is the JSON form of a part of an object; empty where it has none.
func jsonOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

// orEmpty keeps null out of the JSON form.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// join makes a new path, so that two fields never share their memory.
func join(path []any, more ...any) []any {
	joined := make([]any, 0, len(path)+len(more))
	return append(append(joined, path...), more...)
}
