package main

import (
	"context"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/pkg/ssa"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

const interval = 100 * time.Millisecond

type flux struct {
	manager *ssa.ResourceManager
}

func newFlux(config *rest.Config) *flux {
	web, err := rest.HTTPClientFor(config)
	die(err)
	mapper, err := apiutil.NewDynamicRESTMapper(config, web)
	die(err)
	api, err := client.New(config, client.Options{Mapper: mapper})
	die(err)
	poller := polling.NewStatusPoller(api, mapper, polling.Options{})
	return &flux{ssa.NewResourceManager(api, poller,
		ssa.Owner{Field: "kustomize-controller", Group: "kustomize.toolkit.fluxcd.io"})}
}

func actions(changes *ssa.ChangeSet, err error) answer {
	result := answer{Objects: map[string]string{}}
	if changes != nil {
		for _, change := range changes.Entries {
			result.Objects[change.ObjMetadata.GroupKind.Kind+"/"+change.ObjMetadata.Name] = change.Action.String()
		}
	}
	if err != nil {
		result.Error = err.Error()
	}
	return result
}

// apply does what the kustomize-controller does with a build: owner's labels, then definitions before what needs them.
func (f *flux) apply(ctx context.Context, order request) answer {
	f.manager.SetOwnerLabels(order.Manifests, "shop", "flux-system")
	options := ssa.DefaultApplyOptions()
	options.Force, options.WaitInterval = order.Force, interval
	for _, name := range order.Takeover {
		for _, operation := range []metav1.ManagedFieldsOperationType{
			metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate} {
			options.Cleanup.FieldManagers = append(options.Cleanup.FieldManagers,
				ssa.FieldManager{Name: name, OperationType: operation})
		}
	}
	if len(order.Takeover) > 0 {
		options.Cleanup.Annotations = []string{"kubectl.kubernetes.io/last-applied-configuration"}
	}
	return actions(f.manager.ApplyAllStaged(ctx, order.Manifests, options))
}

func (f *flux) diff(ctx context.Context, order request) answer {
	f.manager.SetOwnerLabels(order.Manifests, "shop", "flux-system")
	changes := ssa.NewChangeSet()
	for _, object := range order.Manifests {
		change, _, _, err := f.manager.Diff(ctx, object, ssa.DefaultDiffOptions())
		if err != nil {
			return actions(changes, err)
		}
		changes.Add(*change)
	}
	return actions(changes, nil)
}

// wait until all objects are ready, by their conditions.
func (f *flux) wait(_ context.Context, order request) answer {
	options := ssa.WaitOptions{Interval: interval, Timeout: time.Duration(order.Seconds) * time.Second, FailFast: true}
	return actions(nil, f.manager.Wait(order.Manifests, options))
}

// delete what is the owner's of the given objects, and wait until it is gone.
func (f *flux) delete(ctx context.Context, order request) answer {
	options := ssa.DefaultDeleteOptions()
	options.Inclusions = f.manager.GetOwnerLabels("shop", "flux-system")
	result := actions(f.manager.DeleteAll(ctx, order.Manifests, options))
	if result.Error != "" {
		return result
	}
	deleted := order.Manifests[:0]
	for _, object := range order.Manifests {
		if result.Objects[object.GetKind()+"/"+object.GetName()] == ssa.DeletedAction.String() {
			deleted = append(deleted, object)
		}
	}
	if err := f.manager.WaitForTermination(deleted, ssa.WaitOptions{Interval: interval, Timeout: 20 * time.Second}); err != nil {
		result.Error = err.Error()
	}
	return result
}
