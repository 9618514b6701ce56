package apiserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

const (
	// pageSize is how many objects are asked for at a time.
	pageSize = 500
	// maxPage bounds one answer, in bytes, and maxObjects all answers of one list: API servers hold objects of 1.5 MiB.
	maxPage, maxObjects = 256 << 20, 100_000
)

// ErrNotServed is the error of a list that the API server does not know.
var ErrNotServed = errors.New("the API server does not serve them")

// Client reads from one API server.
type Client struct {
	base  *url.URL
	http  *http.Client
	token string
}

// Server is the API server's address, without a query, which may hold a credential.
func (c *Client) Server() string {
	return (&url.URL{Scheme: c.base.Scheme, Host: c.base.Host, Path: c.base.Path}).String()
}

// List gives the objects of a resource in all namespaces, as the API server has them, but for apiVersion and kind: an
// API server leaves those out of a list's items.
func (c *Client) List(ctx context.Context, group, version, resource string) ([]map[string]any, error) {
	objects := []map[string]any{}
	for next := ""; ; {
		page, err := c.page(ctx, c.base.JoinPath("apis", group, version, resource), next)
		if err != nil {
			return nil, fmt.Errorf("list %s.%s: %w", resource, group, err)
		}
		if objects = append(objects, page.Items...); len(objects) > maxObjects {
			return nil, fmt.Errorf("list %s.%s: there are more than %d", resource, group, maxObjects)
		}
		if next = page.Metadata.Continue; next == "" {
			return objects, nil
		}
		if len(page.Items) == 0 {
			return nil, fmt.Errorf("list %s.%s: an empty part of the list is not the last", resource, group)
		}
	}
}

// page is one part of a list.
type page struct {
	Metadata struct{ Continue string }
	Items    []map[string]any
}

func (c *Client) page(ctx context.Context, from *url.URL, next string) (p page, err error) {
	query := url.Values{"limit": {strconv.Itoa(pageSize)}}
	if next != "" {
		query.Set("continue", next)
	}
	from.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), nil)
	if err != nil {
		return p, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "rollcall")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) { // the whole URL says nothing more
			err = fmt.Errorf("ask %s: %w", c.Server(), failed.Err)
		}
		return p, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return p, ErrNotServed
	default:
		return p, fmt.Errorf("%s answers %d %s", c.Server(), response.StatusCode, http.StatusText(response.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage+1))
	switch {
	case err != nil:
		return p, err
	case len(body) > maxPage:
		return p, fmt.Errorf("the answer has more than %d bytes", maxPage)
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return p, errors.New("the answer is no list of objects")
	}
	return p, nil
}
