package main

import (
	"context"
	"sort"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/cache"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/engine"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/common"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
)

const (
	instanceLabel = "app.kubernetes.io/instance" // by which Argo CD knows what is an application's
	argoManager   = "argocd-controller"
)

type argo struct {
	config  *rest.Config
	cluster cache.ClusterCache
	engine  engine.GitOpsEngine
	kubectl *kube.KubectlCmd
}

func newArgo(config *rest.Config) *argo {
	kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	cluster := cache.NewClusterCache(config, cache.SetLogr(logr.Discard()), cache.SetKubectl(kubectl),
		cache.SetPopulateResourceInfoHandler(func(object *unstructured.Unstructured, _ bool) (any, bool) {
			instance := object.GetLabels()[instanceLabel]
			return instance, instance != ""
		}))
	return &argo{config, cluster, engine.NewEngine(config, cluster, engine.WithLogr(logr.Discard()),
		engine.WithKubectl(kubectl)), kubectl}
}

func isManaged(resource *cache.Resource) bool {
	instance, _ := resource.Info.(string)
	return instance == "shop"
}

// load fills the cluster's cache; it is watched from then on.
func (a *argo) load(context.Context, request) answer {
	if _, err := a.engine.Run(); err != nil {
		return failed(err)
	}
	result := answer{}
	for _, api := range a.cluster.GetAPIResources() {
		result.Kinds = append(result.Kinds, api.GroupKind.String())
	}
	sort.Strings(result.Kinds)
	return result
}

// live gives the resourceVersion of what the cache holds of the application.
func (a *argo) live(context.Context, request) answer {
	result := answer{Objects: map[string]string{}}
	for key, resource := range a.cluster.FindResources("", isManaged) {
		result.Objects[key.Kind+"/"+key.Name] = resource.ResourceVersion
	}
	return result
}

// diffOptions: how the application's comparison is set up for the "how" of a request.
func (a *argo) diffOptions(how string) ([]diff.Option, func(), error) {
	options := []diff.Option{diff.WithLogr(logr.Discard()), diff.WithManager(argoManager),
		diff.WithGVKParser(a.cluster.GetGVKParser())}
	switch how {
	case "structured":
		return append(options, diff.WithStructuredMergeDiff(true)), func() {}, nil
	case "server":
		applier, cleanup, err := a.kubectl.ManageServerSideDiffDryRuns(a.config)
		return append(options, diff.WithServerSideDiff(true),
			diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(applier))), cleanup, err
	}
	return options, func() {}, nil
}

func (a *argo) reconcile(targets []*unstructured.Unstructured) (sync.ReconciliationResult, error) {
	live, err := a.cluster.GetManagedLiveObjs(targets, isManaged)
	if err != nil {
		return sync.ReconciliationResult{}, err
	}
	return sync.Reconcile(targets, live, "default", a.cluster), nil
}

// diff compares the manifests with the cache: "synced", "modified", "missing" or, of what is no more in the set, "extra".
func (a *argo) diff(_ context.Context, order request) answer {
	pairs, err := a.reconcile(order.Manifests)
	if err != nil {
		return failed(err)
	}
	options, cleanup, err := a.diffOptions(order.How)
	if err != nil {
		return failed(err)
	}
	defer cleanup()
	found, err := diff.DiffArray(pairs.Target, pairs.Live, options...)
	if err != nil {
		return failed(err)
	}
	result := answer{Objects: map[string]string{}}
	for i, one := range found.Diffs {
		object, text := pairs.Target[i], "synced"
		switch {
		case object == nil:
			object, text = pairs.Live[i], "extra"
		case pairs.Live[i] == nil:
			text = "missing"
		case one.Modified:
			text = "modified"
		}
		result.Objects[object.GetKind()+"/"+object.GetName()] = text
	}
	return result
}

// sync makes the manifests be, and prunes. Per object: the result's code, and what kubectl says of it. Pruned is in the
// background: in the foreground, as Argo CD does by default, an object goes when a controller has seen to its parts, and here
// none runs.
func (a *argo) sync(ctx context.Context, order request) answer {
	policy := metav1.DeletePropagationBackground
	results, err := a.engine.Sync(ctx, order.Manifests, isManaged, "revision", "default", sync.WithPrune(true),
		sync.WithPrunePropagationPolicy(&policy), sync.WithManifestValidation(true), sync.WithLogr(logr.Discard()),
		sync.WithServerSideApply(order.ServerSide), sync.WithServerSideApplyManager(argoManager),
		sync.WithClientSideApplyMigration(true, common.DefaultClientSideApplyMigrationManager))
	if err != nil {
		return failed(err)
	}
	result := answer{Objects: map[string]string{}}
	for _, one := range results {
		result.Objects[one.ResourceKey.Kind+"/"+one.ResourceKey.Name] = string(one.Status) + ": " + one.Message
	}
	return result
}
