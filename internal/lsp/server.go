// Package lsp serves findings to an editor by the Language Server Protocol. It knows documents and diagnostics, and no
// rule: what lints is behind an interface, and so is what fixes.
package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Linter lints trees that stay from one call to the next. The server makes one call at a time.
type Linter interface {
	// Lint lints the trees that the documents belong to. Documents are an editor's buffers, by their absolute paths
	// without symbolic links. Edited: since the last call nothing but their contents has changed. Trees that could be
	// linted are given beside an error about others.
	Lint(ctx context.Context, documents map[string][]byte, edited bool) ([]Tree, error)
	// Fix makes the edits of a finding of the last call, in a tree with this root. An error says why they are refused.
	Fix(ctx context.Context, root, identity string) ([]Change, error)
}

// Tree is a tree that was linted.
type Tree struct {
	// Root is its absolute path. What the findings call a file is relative to it, with slashes.
	Root string
	// Config is the absolute path of its configuration, whether that is there or not: what is
	// in no file is shown there.
	Config   string
	Findings []fleet.Finding
	// Notes are sentences on documents about which silence is no verdict. Each is shown once.
	Notes []string
	// Followed tells how much of the tree was read; nil where its configuration is wrong.
	Followed func() Followed
	// Doc is the address of a rule's documentation; empty where there is none.
	Doc func(rule string) string
	// Text is the content of a file as it was linted; nil where it cannot be read.
	Text func(file string) []byte
}

// Followed is how much of a tree was read and judged.
type Followed struct {
	// Clusters are the Flux clusters and Members the Karmada members, counted.
	Clusters int `json:"clusters"`
	Members  int `json:"members"`
	// Kustomizations are those of Flux.
	Kustomizations fleet.Count `json:"kustomizations"`
	// Unreached counts the manifests that no cluster reads, and Unknown the places that this repository does not show.
	Unreached int `json:"unreached"`
	Unknown   int `json:"unknown"`
}

// Change is a file, by its absolute path, before and after a fix.
type Change struct {
	File     string
	Old, New []byte
}

// Server serves one editor.
type Server struct {
	linter  Linter
	version string
	conn    *jsonrpc2.Conn
	wake    chan struct{}
	quit    context.CancelFunc
	calls   sync.Mutex // guards linter
	// complaint is the last error that was shown, if nothing could be linted since.
	complaint string
	// noted are the notes that have been shown.
	noted map[string]bool
	// status is what the client was told last of what was followed, as JSON.
	status string

	mu        sync.Mutex
	began     bool // the client has told what it can do
	ended     bool // it has asked to end
	encoding  string
	lazyEdits bool // the client asks for the edit of an action when somebody wants it
	watches   bool // the client would tell what changes on disk
	follows   bool // the client shows what was followed
	documents map[string]document
	stale     bool // something else than documents' contents has changed
	shown     map[string]file
	published time.Time
	// outdate cancels the call that lints documents as they were before the next edit; nil where it is to end.
	outdate context.CancelFunc
}

// patience is how old what is shown may become while somebody types.
const patience = time.Second

// document is a file that is open in the editor.
type document struct {
	uri     string
	version int
	text    []byte
}

// file is a file that has diagnostics in the editor.
type file struct {
	diagnostics []diagnostic
	// sent is what was published, as JSON.
	sent string
	// fixes are the findings that have edits, by their numbers among the diagnostics.
	fixes map[int]fix
}

type fix struct{ root, identity, title string }

// Serve speaks with the editor at the other end until it leaves. The error tells that it left without a word.
func Serve(ctx context.Context, in io.ReadCloser, out io.Writer, linter Linter, version string) error {
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	s := &Server{linter: linter, noted: map[string]bool{}, version: version, wake: make(chan struct{}, 1), quit: quit,
		encoding:  utf16,
		documents: map[string]document{}, shown: map[string]file{}}
	ready := make(chan struct{})
	handler := jsonrpc2.HandlerWithError(func(ctx context.Context, _ *jsonrpc2.Conn, r *jsonrpc2.Request) (any, error) {
		<-ready
		return s.handle(ctx, r)
	}).SuppressErrClosed()
	s.conn = jsonrpc2.NewConn(ctx, jsonrpc2.NewBufferedStream(pipe{in, out}, jsonrpc2.VSCodeObjectCodec{}),
		asWanted{handler}, jsonrpc2.SetLogger(silent{}))
	close(ready)
	var work sync.WaitGroup
	work.Go(func() { s.work(ctx) })
	select {
	case <-s.conn.DisconnectNotify():
	case <-ctx.Done():
	}
	quit()
	_ = s.conn.Close()
	work.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		return errors.New("the editor left without asking to end")
	}
	return nil
}

// pipe is the connection to the editor.
type pipe struct {
	io.ReadCloser
	io.Writer
}

// silent drops what the library would log: it quotes messages, and these hold documents.
type silent struct{}

func (silent) Printf(string, ...any) {}

// asWanted answers what takes long beside the rest, and everything else in order: each change of a document counts.
type asWanted struct{ jsonrpc2.Handler }

func (h asWanted) Handle(ctx context.Context, c *jsonrpc2.Conn, r *jsonrpc2.Request) {
	if r.Method == "codeAction/resolve" {
		go h.Handler.Handle(ctx, c, r)
		return
	}
	h.Handler.Handle(ctx, c, r)
}

func (s *Server) handle(ctx context.Context, r *jsonrpc2.Request) (any, error) {
	s.mu.Lock()
	began, ended := s.began, s.ended
	s.mu.Unlock()
	switch {
	case r.Method == "exit":
		s.quit()
		return nil, nil
	case r.Method == "initialize":
		return s.initialize(r)
	case !began && !r.Notif:
		return nil, &jsonrpc2.Error{Code: -32002, Message: "the first request is initialize"}
	case ended && !r.Notif:
		return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidRequest, Message: "nothing but exit follows shutdown"}
	case !began, ended:
		return nil, nil
	}
	switch r.Method {
	case "initialized":
		s.watch(ctx)
	case "shutdown":
		s.mu.Lock()
		s.ended = true
		s.mu.Unlock()
		return nil, nil
	case "textDocument/didOpen", "textDocument/didChange", "textDocument/didClose", "textDocument/didSave":
		return nil, s.change(r)
	case "workspace/didChangeWatchedFiles":
		return nil, s.changeOnDisk(r)
	case "textDocument/codeAction":
		return s.codeActions(r)
	case "codeAction/resolve":
		return s.resolve(ctx, r)
	default:
		if !r.Notif {
			return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeMethodNotFound, Message: "no such method: " + r.Method}
		}
	}
	return nil, nil
}

// decode reads the parameters of a message. What the decoder says may quote them.
func decode(r *jsonrpc2.Request, params any) error {
	if r.Params == nil || json.Unmarshal(*r.Params, params) != nil {
		return &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: "the parameters are not those of " + r.Method}
	}
	return nil
}

func (s *Server) initialize(r *jsonrpc2.Request) (any, error) {
	var params initializeParams
	if err := decode(r, &params); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began {
		return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidRequest, Message: "initialize comes once"}
	}
	s.began = true
	can := params.Capabilities
	if slices.Contains(can.General.PositionEncodings, utf32) {
		s.encoding = utf32
	}
	s.lazyEdits = slices.Contains(can.TextDocument.CodeAction.ResolveSupport.Properties, "edit")
	s.watches = can.Workspace.DidChangeWatchedFiles.DynamicRegistration
	s.follows = can.Experimental.RollcallStatus
	result := initializeResult{ServerInfo: serverInfo{"rollcall", s.version}, Capabilities: serverCapabilities{
		PositionEncoding: s.encoding,
		TextDocumentSync: documentSync{OpenClose: true, Change: wholeDocuments, Save: true},
	}}
	if s.lazyEdits {
		result.Capabilities.CodeActionProvider = &codeActionOptions{[]string{quickFix}, true}
	}
	return result, nil
}

// watch asks to be told what changes on disk: any file may be part of a tree.
func (s *Server) watch(ctx context.Context) {
	if s.watches {
		watch := registration{"files", "workspace/didChangeWatchedFiles", watchOptions{[]watcher{{"**/*"}}}}
		_, _ = s.conn.DispatchCall(ctx, "client/registerCapability", registrationParams{[]registration{watch}})
	}
}

// change takes over what has happened to a document.
func (s *Server) change(r *jsonrpc2.Request) error {
	var params documentParams
	if err := decode(r, &params); err != nil {
		return err
	}
	name, ok := pathOf(params.TextDocument.URI)
	if !ok {
		return nil // it is in no file system
	}
	s.look(func() {
		d := document{params.TextDocument.URI, params.TextDocument.Version, []byte(params.TextDocument.Text)}
		switch r.Method {
		case "textDocument/didOpen":
			s.documents[name], s.stale = d, true
		case "textDocument/didClose":
			delete(s.documents, name)
			s.stale = true
		case "textDocument/didSave":
			s.stale = true
		case "textDocument/didChange":
			if _, open := s.documents[name]; open && len(params.ContentChanges) > 0 {
				d.text = []byte(params.ContentChanges[len(params.ContentChanges)-1].Text)
				s.documents[name] = d
				if s.outdate != nil {
					s.outdate()
				}
			}
		}
	})
	return nil
}

// changeOnDisk notes that files have changed. What Git does to its own is nothing to a tree.
func (s *Server) changeOnDisk(r *jsonrpc2.Request) error {
	var params watchedParams
	if err := decode(r, &params); err != nil {
		return err
	}
	if slices.ContainsFunc(params.Changes, func(c change) bool { return !strings.Contains(c.URI, "/.git/") }) {
		s.look(func() { s.stale = true })
	}
	return nil
}

// look takes a change over, and has the trees linted as soon as nothing else is being linted.
func (s *Server) look(change func()) {
	s.mu.Lock()
	change()
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // it will be seen with the change before
	}
}

// work lints whenever something has changed.
func (s *Server) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			err := s.lint(ctx)
			if ctx.Err() != nil {
				return
			}
			if !errors.Is(err, errOutdated) {
				s.complain(ctx, err)
			}
		}
	}
}

// complain shows why nothing can be linted, once.
func (s *Server) complain(ctx context.Context, err error) {
	last := s.complaint
	s.complaint = ""
	if err != nil {
		if s.complaint = err.Error(); s.complaint != last {
			_ = s.conn.Notify(ctx, "window/showMessage", messageParams{errorMessage, "rollcall: " + s.complaint})
		}
	}
}

// errOutdated is the error of a call that the next edit has ended.
var errOutdated = errors.New("the documents have changed")

// lint lints the trees once and publishes what is found. An edit of a document ends it, unless what is shown is old.
func (s *Server) lint(ctx context.Context) error {
	current, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	documents, edited := maps.Clone(s.documents), !s.stale
	s.stale = false
	if edited && time.Since(s.published) < patience {
		s.outdate = cancel
	}
	s.mu.Unlock()
	texts := make(map[string][]byte, len(documents))
	for name, d := range documents {
		texts[name] = d.text
	}
	s.calls.Lock()
	defer s.calls.Unlock()
	trees, err := s.linter.Lint(current, texts, edited)
	s.mu.Lock()
	s.outdate = nil
	outdated := current.Err() != nil
	if err != nil && !outdated {
		s.stale = true
	}
	s.mu.Unlock()
	if outdated {
		return errOutdated
	}
	s.note(ctx, trees)
	err = errors.Join(err, s.publish(ctx, s.filesOf(trees, documents), documents))
	s.tellStatus(ctx, trees, err)
	return err
}

// tellStatus tells a client that shows it what was followed, where that is another than it was told last.
func (s *Server) tellStatus(ctx context.Context, trees []Tree, err error) {
	if !s.follows {
		return
	}
	status := statusParams{Trees: []treeStatus{}}
	for _, t := range trees {
		one := treeStatus{Root: t.Root}
		for _, f := range t.Findings {
			switch f.Severity {
			case fleet.Error:
				one.Errors++
			case fleet.Warning:
				one.Warnings++
			}
		}
		if t.Followed != nil {
			followed := t.Followed()
			one.Followed = &followed
		}
		status.Trees = append(status.Trees, one)
	}
	if err != nil {
		status.Error = err.Error()
	}
	sent, err := json.Marshal(status)
	if err != nil { // texts and numbers only
		panic(err)
	}
	if string(sent) != s.status {
		s.status = string(sent)
		_ = s.conn.Notify(ctx, statusMethod, status)
	}
}

// note shows the notes that have not been shown before.
func (s *Server) note(ctx context.Context, trees []Tree) {
	for _, t := range trees {
		for _, text := range t.Notes {
			if !s.noted[text] {
				s.noted[text] = true
				_ = s.conn.Notify(ctx, "window/showMessage", messageParams{infoMessage, "rollcall: " + text})
			}
		}
	}
}

// publish tells what has changed since it was told last.
func (s *Server) publish(ctx context.Context, files map[string]file, documents map[string]document) error {
	s.mu.Lock()
	shown := s.shown
	s.shown, s.published = files, time.Now()
	s.mu.Unlock()
	versions := map[string]*int{}
	for _, d := range documents {
		versions[d.uri] = &d.version
	}
	for uri, f := range files {
		if shown[uri].sent != f.sent {
			if err := s.conn.Notify(ctx, "textDocument/publishDiagnostics",
				publishParams{uri, versions[uri], f.diagnostics}); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
	}
	for uri := range shown {
		if _, still := files[uri]; !still {
			if err := s.conn.Notify(ctx, "textDocument/publishDiagnostics",
				publishParams{uri, versions[uri], []diagnostic{}}); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
	}
	return nil
}
