package lsp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sourcegraph/jsonrpc2"
)

// codeActions are the fixes of what is wrong in a range, without their edits: whether a fix holds takes
// another look at the tree.
func (s *Server) codeActions(r *jsonrpc2.Request) (any, error) {
	var params codeActionParams
	if err := decode(r, &params); err != nil {
		return nil, err
	}
	actions := []codeAction{}
	if only := params.Context.Only; len(only) > 0 && !slices.Contains(only, quickFix) {
		return actions, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.shown[params.TextDocument.URI]
	for i, d := range f.diagnostics {
		if fix, ok := f.fixes[i]; ok && d.Range.touches(params.Range) {
			actions = append(actions, codeAction{Title: fix.title, Kind: quickFix, Diagnostics: []diagnostic{d},
				Data: &actionData{fix.root, fix.identity}})
		}
	}
	return actions, nil
}

func (a span) touches(b span) bool {
	return !a.End.before(b.Start) && !b.End.before(a.Start)
}

func (p position) before(other position) bool {
	return p.Line < other.Line || p.Line == other.Line && p.Character < other.Character
}

// resolve gives an action its edit.
func (s *Server) resolve(ctx context.Context, r *jsonrpc2.Request) (any, error) {
	var action codeAction
	if err := decode(r, &action); err != nil {
		return nil, err
	}
	if action.Data == nil {
		return action, nil
	}
	s.calls.Lock()
	defer s.calls.Unlock()
	changes, err := s.linter.Fix(ctx, action.Data.Root, action.Data.Finding)
	if err != nil {
		return nil, fmt.Errorf("this is not fixed: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	action.Edit = &workspaceEdit{map[string][]textEdit{}}
	for _, c := range changes {
		uri := uriOf(c.File)
		if d, open := s.documents[c.File]; open {
			if uri = d.uri; !bytes.Equal(d.text, c.Old) {
				return nil, errors.New("the document has changed since")
			}
		}
		action.Edit.Changes[uri] = []textEdit{edit(c, s.encoding)}
	}
	return action, nil
}

// edit replaces the lines in which two texts differ.
func edit(c Change, encoding string) textEdit {
	old, new := lines(c.Old), lines(c.New)
	first := 0
	for first < min(len(old), len(new)) && bytes.Equal(old[first], new[first]) {
		first++
	}
	last := 0
	for last < min(len(old), len(new))-first && bytes.Equal(old[len(old)-1-last], new[len(new)-1-last]) {
		last++
	}
	end := position{len(old) - last, 0}
	if last == 0 { // the text may end without a line break
		tail := old[len(old)-1]
		end = position{len(old) - 1, units(tail, encoding)}
	}
	start := position{first, 0}
	if end.before(start) {
		start = end
	}
	return textEdit{span{start, end}, string(bytes.Join(new[first:len(new)-last], nil))}
}

// lines are those of a text, with their line breaks; the last has none, and may be empty.
func lines(text []byte) [][]byte { return bytes.SplitAfter(text, []byte("\n")) }
