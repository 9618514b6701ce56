package lsp_test

import (
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/lsp"
)

// slow is a linter that finds a document's text in it. It takes as long as its context lasts for the text "slow".
type slow struct{ begun chan string }

func (l slow) Lint(ctx context.Context, documents map[string][]byte, _ bool) ([]lsp.Tree, error) {
	text := string(documents["/fleet/a.yaml"])
	l.begun <- text
	if text == "slow" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	place := fleet.Place{Origin: fleet.Origin{File: "a.yaml"}, Line: 1, Column: 1}
	return []lsp.Tree{{
		Root:     "/fleet",
		Findings: []fleet.Finding{{Rule: "a", Severity: fleet.Error, Message: text, Place: place}},
		Doc:      func(string) string { return "" },
		Text:     func(string) []byte { return []byte(text) },
	}}, nil
}

func (slow) Fix(context.Context, string, string) ([]lsp.Change, error) { return nil, nil }

// TestEditEndsLint holds an edit to ending the call that lints what the document was before it.
func TestEditEndsLint(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	fromEditor, toServer := io.Pipe()
	fromServer, toEditor := io.Pipe()
	linter := slow{make(chan string, 1)}
	ended := make(chan error, 1)
	go func() { ended <- lsp.Serve(ctx, fromEditor, toEditor, linter, "test") }()

	told := make(chan string, 9)
	stream := jsonrpc2.NewBufferedStream(struct {
		io.ReadCloser
		io.Writer
	}{fromServer, toServer}, jsonrpc2.VSCodeObjectCodec{})
	conn := jsonrpc2.NewConn(ctx, stream, jsonrpc2.HandlerWithError(
		func(_ context.Context, _ *jsonrpc2.Conn, r *jsonrpc2.Request) (any, error) {
			if r.Method == "window/showMessage" {
				told <- r.Method
			}
			var params struct{ Diagnostics []struct{ Message string } }
			if r.Method == "textDocument/publishDiagnostics" && json.Unmarshal(*r.Params, &params) == nil {
				told <- params.Diagnostics[0].Message
			}
			return nil, nil
		}))
	defer conn.Close()
	notify := func(method string, params any) {
		t.Helper()
		if err := conn.Notify(ctx, method, params); err != nil {
			t.Fatal(err)
		}
	}
	next := func(from chan string, want string) {
		t.Helper()
		select {
		case got := <-from:
			if got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("nothing came where %q was wanted", want)
		}
	}
	document := func(text string) map[string]any {
		return map[string]any{
			"textDocument":   map[string]any{"uri": "file:///fleet/a.yaml", "version": 1, "text": text},
			"contentChanges": []map[string]string{{"text": text}},
		}
	}

	if err := conn.Call(ctx, "initialize", map[string]any{}, nil); err != nil {
		t.Fatal(err)
	}
	notify("textDocument/didOpen", document("first"))
	next(linter.begun, "first")
	next(told, "first")
	notify("textDocument/didChange", document("slow"))
	next(linter.begun, "slow")
	notify("textDocument/didChange", document("last"))
	next(linter.begun, "last")
	next(told, "last")

	if err := conn.Call(ctx, "shutdown", nil, nil); err != nil {
		t.Fatal(err)
	}
	notify("exit", nil)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
