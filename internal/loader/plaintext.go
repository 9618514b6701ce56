package loader

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Flux substitutes in the YAML text of an object, so a value may bring a number, a list or a comment with it. Most
// texts and values are far too plain for that, "https://${HOST}:443": they are written without quotes and read as text
// again. Then the texts alone tell what comes of the object, and the rest of it need not be written and parsed.

// plainText is a text without spaces and quotes that YAML takes for a text, wherever it stands: the variables in it
// keep it from being a number or a truth value.
var plainText = regexp.MustCompile(`\A(?:[\w/]|` + plainVariable + `)(?:[\w./:@+=-]|` + plainVariable + `)*\z`)

const plainVariable = `\$\{[A-Za-z_]\w*(?::?[-=][\w./-]*)?\}`

// isPlainResult tells whether YAML takes what a plain text became for a text.
func isPlainResult(text string) bool {
	if !plainText.MatchString(text) || strings.HasSuffix(text, ":") || '0' <= text[0] && text[0] <= '9' ||
		text[0] == '_' {
		return false
	}
	switch strings.ToLower(text) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	return true
}

// applyToTexts is apply for an object in which all texts that have a variable are plain, and stay plain.
func (v *variables) applyToTexts(object map[string]any) (substituted map[string]any, undefined []string, ok bool) {
	found := map[string]bool{}
	if !plainTexts(object, found) {
		return nil, nil, false
	}
	texts := slices.Sorted(maps.Keys(found))
	out, undefined, _, err := v.eval(strings.Join(texts, "\n"))
	results := strings.Split(out, "\n")
	if err != nil || len(results) != len(texts) {
		return nil, nil, false
	}
	replace := make(map[string]any, len(texts))
	for i, result := range results {
		if !isPlainResult(result) {
			return nil, nil, false
		}
		if result != texts[i] {
			replace[texts[i]] = result
		}
	}
	if changed, ok := replaced(object, replace); ok {
		return changed.(map[string]any), undefined, true
	}
	return object, undefined, true
}

// plainTexts collects the texts with a "$"; false where one is not plain, or where the object is not the same
// once it is written and read.
func plainTexts(v any, found map[string]bool) bool {
	switch v := v.(type) {
	case string:
		if !strings.Contains(v, "$") {
			return utf8.ValidString(v)
		}
		found[v] = true
		return plainText.MatchString(v) && !strings.HasSuffix(v, ":")
	case map[string]any:
		for key, value := range v {
			if strings.Contains(key, "$") || !plainTexts(value, found) {
				return false
			}
		}
	case []any:
		for _, item := range v {
			if !plainTexts(item, found) {
				return false
			}
		}
	case float64:
		return v != float64(int64(v)) // a whole number is read as one
	}
	return true
}

// replaced is v with the texts replaced, and whether it has any of them. What has none is shared
// with v, which stays as it is.
func replaced(v any, texts map[string]any) (any, bool) {
	switch v := v.(type) {
	case string:
		text, ok := texts[v]
		return text, ok
	case map[string]any:
		var out map[string]any
		for key, value := range v {
			if n, ok := replaced(value, texts); ok {
				if out == nil {
					out = maps.Clone(v)
				}
				out[key] = n
			}
		}
		return out, out != nil
	case []any:
		var out []any
		for i, item := range v {
			if n, ok := replaced(item, texts); ok {
				if out == nil {
					out = slices.Clone(v)
				}
				out[i] = n
			}
		}
		return out, out != nil
	}
	return nil, false
}
