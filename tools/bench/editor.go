//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/sourcegraph/jsonrpc2"
)

// addition is what an editor adds to a manifest and takes away again: an object that is always found fault with, so
// that each time something is to be said of the file.
const addition = "\n---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: added-by-the-benchmark\n  namespace: default\nstringData:\n  token: not-a-secret-at-all\n"

// editor is an editor with rollcall lsp at its other end.
type editor struct {
	*jsonrpc2.Conn
	uri string
	// told has a message for each time that something is said of the document.
	told chan struct{}
}

// measureEditor is the median time from a change of the document to what is said of it, and the
// peak memory of the server.
func measureEditor(ctx context.Context, rollcall, file string, text []byte, runs int) (c cost, err error) {
	if file, err = filepath.Abs(file); err != nil {
		return c, err
	}
	if file, err = filepath.EvalSymlinks(file); err != nil {
		return c, err
	}
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, rollcall, "lsp", "--no-cache")
	command.Env, command.Stderr = offline(), &stderr
	in, err := command.StdinPipe()
	if err != nil {
		return c, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return c, err
	}
	if err := command.Start(); err != nil {
		return c, err
	}
	walls, err := newEditor(ctx, in, out, file).edit(ctx, text, runs)
	if err := errors.Join(err, in.Close(), command.Wait()); err != nil {
		return c, fmt.Errorf("rollcall lsp: %w\n%s", err, stderr.Bytes())
	}
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return c, errors.New("the system does not tell a process's memory")
	}
	slices.Sort(walls)
	return cost{walls[len(walls)/2], usage.Maxrss << 10}, nil
}

func newEditor(ctx context.Context, in io.WriteCloser, out io.Reader, file string) *editor {
	e := &editor{uri: "file://" + filepath.ToSlash(file), told: make(chan struct{}, 1)}
	stream := jsonrpc2.NewBufferedStream(struct {
		io.Reader
		io.WriteCloser
	}{out, in}, jsonrpc2.VSCodeObjectCodec{})
	e.Conn = jsonrpc2.NewConn(ctx, stream, jsonrpc2.HandlerWithError(
		func(_ context.Context, _ *jsonrpc2.Conn, r *jsonrpc2.Request) (any, error) {
			var params struct{ URI string }
			if r.Method == "textDocument/publishDiagnostics" && json.Unmarshal(*r.Params, &params) == nil &&
				params.URI == e.uri {
				e.told <- struct{}{}
			}
			return nil, nil
		}))
	return e
}

// edit opens the document, and changes it so many times.
func (e *editor) edit(ctx context.Context, text []byte, runs int) (walls []time.Duration, err error) {
	if err := e.Call(ctx, "initialize", map[string]any{"capabilities": map[string]any{}}, nil); err != nil {
		return nil, err
	}
	document := func(version int) map[string]any { return map[string]any{"uri": e.uri, "version": version} }
	opened := document(0)
	opened["text"] = string(text) + addition
	if err := e.notify(ctx, "textDocument/didOpen", map[string]any{"textDocument": opened}); err != nil {
		return nil, err
	}
	// the first time the whole tree is read, the second what the document stands among is decoded
	for run := range 2*runs + 1 {
		now := string(text)
		if run%2 == 1 {
			now += addition
		}
		start := time.Now()
		if err := e.notify(ctx, "textDocument/didChange", map[string]any{"textDocument": document(run + 1),
			"contentChanges": []any{map[string]any{"text": now}}}); err != nil {
			return nil, err
		}
		if walls = append(walls, time.Since(start)); run == 0 {
			walls = nil
		}
	}
	return walls, errors.Join(e.Call(ctx, "shutdown", nil, nil), e.Notify(ctx, "exit", nil))
}

// notify sends a change of the document and waits until something is said of it.
func (e *editor) notify(ctx context.Context, method string, params any) error {
	if err := e.Notify(ctx, method, params); err != nil {
		return err
	}
	select {
	case <-e.told:
		return nil
	case <-e.DisconnectNotify():
		return errors.New("it has ended")
	case <-time.After(time.Minute):
		return errors.New("it says nothing of the document that was changed")
	}
}
