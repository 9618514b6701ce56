package engine

import (
	"io/fs"
	"regexp"
	"strings"

	"github.com/rollcall-dev/rollcall/rules"
)

// named is a word that Rego names: a field, or a text in quotes.
var named = regexp.MustCompile(`\.([A-Za-z]\w*)|"([A-Za-z]\w*)"`)

// Words are the names that the program's own rules have for keys of objects. They say nothing of anybody's repository.
func Words() (map[string]bool, error) {
	words := map[string]bool{}
	return words, fs.WalkDir(rules.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(name, "_test.rego") {
			return err
		}
		text, err := fs.ReadFile(rules.Files, name)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			code, _, _ := strings.Cut(line, "#")
			for _, match := range named.FindAllStringSubmatch(code, -1) {
				words[match[1]+match[2]] = true
			}
		}
		return nil
	})
}
