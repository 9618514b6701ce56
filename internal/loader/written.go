package loader

import (
	"maps"
	"slices"
	"sync"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// written is what stands in the files of a tree, for finding where something was written that a build has
// made of them. A file is parsed when it is asked for, and once for all clusters: their builds share most
// files. Safe for concurrent use.
type written struct {
	tree  *tree
	mu    sync.Mutex
	files map[string]*writtenFile
	size  int // of the files' texts, in bytes
}

// maxWritten bounds the texts of the files that are kept, in bytes: parsed they take some thirty times as much.
const maxWritten = 4 << 20

// writtenFile is what stands in a file; nothing where it cannot be read.
type writtenFile struct {
	path, text string
	// documents are the roots of its documents, texts its scalars.
	documents func() map[int]*yaml.Node
	texts     func() *fileTexts
}

func newWritten(t *tree) *written { return &written{tree: t, files: map[string]*writtenFile{}} }

func (w *written) file(name string) *writtenFile {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.files[name] == nil {
		f := newWrittenFile(name, w.tree.file(name))
		if w.size += len(f.text); w.size > maxWritten {
			w.files, w.size = map[string]*writtenFile{}, len(f.text)
		}
		w.files[name] = f
	}
	return w.files[name]
}

func newWrittenFile(name string, f *file) *writtenFile {
	w := &writtenFile{path: name}
	if f != nil && !f.unread {
		w.text = string(f.text())
	}
	w.documents = sync.OnceValue(func() map[int]*yaml.Node {
		roots := map[int]*yaml.Node{}
		_ = eachNode([]byte(w.text), func(index int, root *yaml.Node) { roots[index] = root })
		return roots
	})
	w.texts = sync.OnceValue(func() *fileTexts {
		texts := newFileTexts()
		if texts.whole = w.text; f == nil || !f.isYAML {
			texts.addLines(w.text)
			return texts
		}
		for _, document := range slices.Sorted(maps.Keys(w.documents())) {
			if root := w.documents()[document]; isBounded(root) {
				texts.add(textPlace{document: document}, root, "", 0)
			}
		}
		return texts
	})
	return w
}
