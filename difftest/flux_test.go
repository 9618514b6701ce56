package difftest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/kustomize"
	"github.com/fluxcd/pkg/sourceignore"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	sigsyaml "sigs.k8s.io/yaml"
	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// comparison builds the Kustomizations of one tree by Flux's code.
type comparison struct {
	t       *testing.T
	fsys    fs.FS
	tree    *fleet.Tree
	objects map[string][]*fleet.Object // by the Kustomization that applies them

	artifacts map[string]string // folders on disk, by the source's spec.ignore
	builds    map[string]built  // by artifact and spec: clusters share folders
}

type built struct {
	resources resmap.ResMap
	err       error
}

func newComparison(t *testing.T, fsys fs.FS, tree *fleet.Tree) *comparison {
	c := &comparison{t: t, fsys: fsys, tree: tree, objects: map[string][]*fleet.Object{},
		artifacts: map[string]string{}, builds: map[string]built{}}
	for _, o := range tree.Objects {
		c.objects[o.Kustomization] = append(c.objects[o.Kustomization], o)
	}
	return c
}

// effective is the Flux Kustomization as its parent applies it, or why it cannot be had.
func (c *comparison) effective(k fleet.Kustomization) (*kustomizev1.Kustomization, string) {
	out := &kustomizev1.Kustomization{}
	if k.Implicit {
		out.Spec.Path = k.Path
		return out, ""
	}
	by := k.Parent
	if by == "" {
		by = k.ID
	}
	var found map[string]any
	for _, o := range c.objects[by] {
		if o.APIServer == k.Cluster && o.Kind == "Kustomization" && o.Group == kustomizev1.GroupVersion.Group &&
			o.Namespace == k.Namespace && o.Name == k.Name {
			found = o.Content
		}
	}
	if found == nil && k.Parent == "" { // Flux is told of the root by hand, and nothing that it applies changes it
		found = c.document(k.Origin)
	}
	if found == nil {
		return nil, "its effective spec is not among the objects"
	}
	found = runtime.DeepCopyJSON(plain([]map[string]any{found})[0])
	values, _, _ := unstructured.NestedMap(found, "spec", "postBuild", "substitute")
	for name, value := range values {
		if _, isText := value.(string); !isText { // redacted: the loader does not use it
			values[name] = "${" + name + "}"
		}
	}
	if values != nil {
		_ = unstructured.SetNestedMap(found, values, "spec", "postBuild", "substitute")
	}
	// The facts do not show what a patch puts into an object. The file does, where nothing has
	// changed the patches since.
	if patches, _, _ := unstructured.NestedSlice(found, "spec", "patches"); strings.Contains(
		fmt.Sprint(patches), "$class") {
		written, ok, _ := unstructured.NestedSlice(runtime.DeepCopyJSON(
			plain([]map[string]any{c.document(k.Origin)})[0]), "spec", "patches")
		if !ok || len(written) != len(patches) || strings.Contains(fmt.Sprint(written), "$") {
			return nil, "its spec holds a secret"
		}
		_ = unstructured.SetNestedSlice(found, written, "spec", "patches")
	}
	if text, _ := json.Marshal(found["spec"]); strings.Contains(string(text), "$class") {
		return nil, "its spec holds a secret"
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(found, out); err != nil {
		return nil, "its spec cannot be decoded"
	}
	if kind := out.Spec.SourceRef.Kind; k.PathState == fleet.Found &&
		(kind == "ExternalArtifact" || kind == "OCIRepository") {
		out.Spec.Path = k.Path // the artifact is packed from there
	}
	return out, ""
}

// document is a document of the tree, as it lies there.
func (c *comparison) document(o fleet.Origin) map[string]any {
	data, err := fs.ReadFile(c.fsys, o.File)
	if err != nil {
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for i := 0; ; i++ {
		var object map[string]any
		if err := decoder.Decode(&object); err != nil || i == o.Document {
			return object
		}
	}
}

// flux is what Flux applies for the Kustomization, without secrets, or why its build fails.
//
// Source: fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go reconcile, build and
// apply. Decryption is left out: the loader has no key either.
func (c *comparison) flux(k fleet.Kustomization, spec *kustomizev1.Kustomization) ([]map[string]any, error) {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(spec)
	if err != nil {
		return nil, err
	}
	resources, err := c.build(c.artifactOf(k), unstructured.Unstructured{Object: object}, spec)
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	for _, res := range resources.Resources() {
		if res.GetName() == "" || res.GetKind() == "" || res.GetApiVersion() == "" {
			return nil, errors.New("an object without a name, a kind or an apiVersion")
		}
		if spec.Spec.PostBuild != nil {
			if err := c.substitute(k, spec, res); err != nil {
				return nil, err
			}
		}
		text, err := res.AsYAML()
		if err != nil {
			return nil, err
		}
		var o map[string]any
		if err := sigsyaml.Unmarshal(text, &o); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return redacted(applied(out, spec.Spec.CommonMetadata)), nil
}

// build is Flux's build, before substitution.
func (c *comparison) build(root string, object unstructured.Unstructured,
	spec *kustomizev1.Kustomization) (resmap.ResMap, error) {
	without := spec.DeepCopy().Spec
	without.PostBuild, without.DependsOn = nil, nil
	key, err := json.Marshal(without)
	if err != nil {
		return nil, err
	}
	done, ok := c.builds[root+string(key)]
	if !ok {
		done.resources, done.err = buildOnDisk(root, path.Join(root, path.Clean("/"+spec.Spec.Path)), object)
		c.builds[root+string(key)] = done
	}
	if done.err != nil {
		return nil, done.err
	}
	return done.resources.DeepCopy(), nil
}

func buildOnDisk(root, dir string, object unstructured.Unstructured) (resmap.ResMap, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, errors.New("the path is no folder")
	}
	action, err := kustomize.NewGenerator(root, object).WriteFile(dir, kustomize.WithSaveOriginalKustomization())
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	resources, err := kustomize.SecureBuild(root, dir, true)
	return resources, errors.Join(err, kustomize.CleanDirectory(dir, action))
}

// artifact is a folder with what source-controller packs of the tree.
//
// Source: fluxcd/source-controller v1.9.1 internal/controller/gitrepository_controller.go reconcileArtifact;
// fluxcd/pkg artifact/storage/archive.go Archive.
func (c *comparison) artifact(ignore string) string {
	if dir, ok := c.artifacts[ignore]; ok {
		return dir
	}
	checkout, dir := c.t.TempDir(), c.t.TempDir()
	if err := c.copy(checkout, func(string) bool { return true }); err != nil {
		c.t.Fatal(err)
	}
	patterns, err := sourceignore.LoadIgnorePatterns(checkout, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	patterns = append(patterns, sourceignore.ReadPatterns(strings.NewReader(ignore), nil)...)
	matcher := sourceignore.NewDefaultMatcher(nil, nil)
	if len(patterns) > 0 {
		matcher = sourceignore.NewMatcher(append(sourceignore.VCSPatterns(nil), patterns...))
	}
	if err := c.copy(dir, func(p string) bool { return !matcher.Match(strings.Split(p, "/"), false) }); err != nil {
		c.t.Fatal(err)
	}
	c.artifacts[ignore] = dir
	return dir
}

// copy writes the regular files that keep wants below dir.
func (c *comparison) copy(dir string, keep func(string) bool) error {
	return fs.WalkDir(c.fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !keep(p) {
			return err
		}
		data, err := fs.ReadFile(c.fsys, p)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	})
}

// artifactOf is what Flux has of the Kustomization's source. A start that its source leaves out was applied by
// hand, from the whole tree.
func (c *comparison) artifactOf(k fleet.Kustomization) string {
	root := c.artifact(c.ignoreOf(k))
	if _, err := os.Stat(path.Join(root, k.Path)); k.Implicit && err != nil {
		return c.artifact("")
	}
	return root
}

// ignoreOf is spec.ignore of the Kustomization's source.
func (c *comparison) ignoreOf(k fleet.Kustomization) string {
	for _, o := range slices.Concat(c.tree.Objects, c.tree.Unreached) {
		if strings.TrimSuffix(o.Kind+"/"+o.Namespace+"/"+o.Name, "/") != k.Source ||
			o.APIServer != "" && o.APIServer != k.Cluster {
			continue
		}
		ignore, _, _ := unstructured.NestedString(o.Content, "spec", "ignore")
		return ignore
	}
	return ""
}

// cluster is the cluster's API server as substituteFrom reads it. It implements client.Client as far as Flux uses it.
type cluster struct {
	client.Client
	own []*fleet.Object
}

// Get finds a ConfigMap or a Secret. Values that the loader does not use stand as ${NAME}.
func (c *cluster) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	kind := strings.TrimPrefix(fmt.Sprintf("%T", into), "*v1.")
	var content map[string]any
	for _, o := range c.own {
		if o.Kind == kind && o.Namespace == key.Namespace && o.Name == key.Name {
			content = o.Content
		}
	}
	if content == nil {
		return apierrors.NewNotFound(schema.GroupResource{Resource: kind}, key.Name)
	}
	for _, field := range []string{"data", "stringData"} {
		data, _ := content[field].(map[string]any)
		for name, value := range data {
			text, isText := value.(string)
			switch into := into.(type) {
			case *corev1.ConfigMap:
				if !isText {
					text = "${" + name + "}"
				}
				into.Data = with(into.Data, name, text)
			case *corev1.Secret:
				into.Data = with(into.Data, name, []byte("${"+name+"}"))
			}
		}
	}
	return nil
}

func with[V any](m map[string]V, key string, value V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[key] = value
	return m
}

// substitute substitutes in one object. The loader leaves ${NAME} as it is where nothing in the tree gives
// NAME a value, so such names are given themselves as values; every other form is evaluated as Flux does
// without strict substitution.
func (c *comparison) substitute(k fleet.Kustomization, spec *kustomizev1.Kustomization, res *resource.Resource) error {
	spec = spec.DeepCopy()
	api := c.cluster(k)
	post, open := spec.Spec.PostBuild, false
	post.SubstituteFrom = slices.DeleteFunc(post.SubstituteFrom, func(ref kustomizev1.SubstituteReference) bool {
		missing := !api.has(ref.Kind, spec.Namespace, ref.Name)
		open = open || missing && !ref.Optional
		return missing
	})
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(spec)
	if err != nil {
		return err
	}
	known, err := kustomize.LoadVariables(context.Background(), api, unstructured.Unstructured{Object: object})
	if err != nil {
		return err
	}
	maps.Copy(known, post.Substitute)
	always := open || spec.GetSubstituteStrategy() == kustomizev1.SubstituteStrategyAlways
	if len(known) > 0 || always {
		text, err := res.AsYAML()
		if err != nil {
			return err
		}
		escaped := strings.ReplaceAll(string(text), "$$", "") // which begins no variable
		for _, m := range bareVariable.FindAllStringSubmatch(escaped, -1) {
			if _, ok := known[m[1]]; !ok {
				post.Substitute = with(post.Substitute, m[1], "${"+m[1]+"}")
			}
		}
	}
	if object, err = runtime.DefaultUnstructuredConverter.ToUnstructured(spec); err != nil {
		return err
	}
	_, err = kustomize.SubstituteVariables(context.Background(), api, unstructured.Unstructured{Object: object}, res,
		kustomize.SubstituteWithAlways(always))
	return err
}

// strict substitutes as Flux does since 2.9, where a variable without a value fails the Kustomization. Where a source
// of variables is not in the tree, or is applied by the Kustomization itself, or may come with a patch that the loader
// could not read, it says nothing, and known is false.
//
// Source: fluxcd/kustomize-controller v1.9.6 internal/features/features.go StrictPostBuildSubstitutions.
func (c *comparison) strict(k fleet.Kustomization, spec *kustomizev1.Kustomization) (known bool, err error) {
	if spec.Spec.PostBuild == nil {
		return true, nil
	}
	if slices.ContainsFunc(k.Incomplete, func(i fleet.Incomplete) bool { return i.Kind == fleet.UnknownVariables }) {
		return false, nil
	}
	api := c.cluster(k)
	for _, ref := range spec.Spec.PostBuild.SubstituteFrom {
		if !api.has(ref.Kind, spec.Namespace, ref.Name) ||
			slices.ContainsFunc(c.objects[k.ID], func(o *fleet.Object) bool {
				return o.Kind == ref.Kind && o.Namespace == spec.Namespace && o.Name == ref.Name
			}) {
			return false, nil
		}
	}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(spec)
	if err != nil {
		return false, err
	}
	resources, err := c.build(c.artifactOf(k), unstructured.Unstructured{Object: object}, spec)
	if err != nil {
		return false, err
	}
	for _, res := range resources.Resources() {
		if _, err := kustomize.SubstituteVariables(context.Background(), api, unstructured.Unstructured{Object: object},
			res,
			kustomize.SubstituteWithStrict(true), kustomize.SubstituteWithAlways(
				spec.GetSubstituteStrategy() == kustomizev1.SubstituteStrategyAlways)); err != nil {
			return true, err
		}
	}
	return true, nil
}

// cluster is the API server that applies a Kustomization.
func (c *comparison) cluster(k fleet.Kustomization) *cluster {
	api := &cluster{}
	for _, o := range c.tree.Objects {
		if o.APIServer == k.Cluster && o.Group == "" {
			api.own = append(api.own, o)
		}
	}
	return api
}

func (c *cluster) has(kind, namespace, name string) bool {
	return slices.ContainsFunc(c.own, func(o *fleet.Object) bool {
		return o.Kind == kind && o.Namespace == namespace && o.Name == name
	})
}

var bareVariable = regexp.MustCompile(`\$\{([_a-zA-Z][_a-zA-Z0-9]*)\}`)
