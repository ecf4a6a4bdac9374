"""Words that people bring from other libraries, and what to write in their place.

One table serves every door: the fields of values, the arguments of callbacks and functions, what
is looked for as an attribute, and the options of the command line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["PLACES", "SYNONYMS", "lacking", "nearest", "way_for"]


def _by_word(rows: Mapping[str, str]) -> dict[str, str]:
    """Turn rows of many words, each after what they mean, into a table to look words up in."""
    return {word: meaning for meaning, words in rows.items() for word in words.split()}


# What other libraries call the same thing.
SYNONYMS = _by_word(
    {
        "augment": "augmentation augmentations aug augs data_augmentation",
        "batch_size": "batch bs batchsize train_batch_size per_device_train_batch_size",
        "callbacks": "callback cbs",
        "classes": "class_names label_names target_names",
        "column": "monitor metric",
        "device": "accelerator use_cuda cuda gpu gpus no_cuda",
        "ema_decay": "ema model_ema ema_momentum",
        "epochs": "epoch n_epoch n_epochs nb_epoch num_epochs max_epochs num_train_epochs",
        "eps": "epsilon",
        "every": "step_size",
        "factor": "gamma",
        "image_set": "images_set dataset data test_data test_set",
        "images": "x inputs",
        "label_smoothing": "smoothing label_smoothing_factor",
        "lr": "learning_rate learning_rate_init base_lr init_lr eta0",
        "max_norm": "max_grad_norm clip_norm clipnorm clip grad_clip gradient_clip "
        "gradient_clip_val",
        "min_delta": "delta tol threshold",
        "model": "net network module",
        "optimizer": "opt optim opt_func optimiser optimizers",
        "peak": "max_lr lr_max",
        "precision": "fp16 amp bf16 half mixed_precision use_amp dtype",
        "progress": "verbose progress_bar enable_progress_bar disable_tqdm",
        "restore": "restore_best_weights restore_best load_best load_best_model_at_end",
        "rise": "pct_start",
        "root": "data_dir data_root data_path root_dir cache_dir",
        "run_dir": "output_dir out_dir log_dir logdir save_dir default_root_dir logger",
        "schedule": "scheduler lr_scheduler lr_scheduler_type lr_schedule sched",
        "seed": "random_state random_seed manual_seed",
        "splits": "datasets dls datamodule dm",
        "test_time": "tta test_time_augmentation",
        "val_size": "validation_split val_split valid_pct val_fraction validation_fraction "
        "validation_size valid_size val_ratio",
        "warmup": "warmup_epochs num_warmup_epochs",
        "weight_decay": "wd l2 decay",
    }
)

_SAVING = "run_dir='runs/mine' keeps the run with its weights, and ck.Checkpoint saves oftener"
_METRICS = (
    "loss and accuracy are always measured, and run.log(name, value) in a ck.Callback adds a column"
)
_LOSS = "training uses cross-entropy, and label_smoothing= is what can be changed of it"
_RECIPE = "it belongs to the recipe: ck.train(…, {word}={value}) or ck.Recipe({word}={value})"
_TRAINING = "it belongs to training: ck.train(…, {word}={value}) or ck.Trainer({word}={value})"
_STOPPING = "it belongs to early stopping: callbacks=[ck.EarlyStopping({word}={value})]"
_OPTIMIZER = "it belongs to the optimiser: optimizer=ck."

# Where an argument belongs that was given elsewhere, and what there is in place of one that has no
# counterpart; `Checkpoint.mode` is what `mode` means to `Checkpoint` alone.
WAYS = _by_word(
    {
        _RECIPE: "epochs batch_size optimizer schedule augment label_smoothing initialization "
        "ema_decay test_time precision",
        _TRAINING: "seed device callbacks run_dir track_test compile",
        _STOPPING: "column patience min_delta restore",
        _OPTIMIZER + "Adam({word}={value})": "lr betas eps",
        _OPTIMIZER + "AdamW(lr=0.001, {word}={value})": "weight_decay",
        _OPTIMIZER + "SGD(lr=0.1, {word}={value})": "momentum",
        _OPTIMIZER + "SGD(lr=0.1, momentum=0.9, {word}={value})": "nesterov",
        "it belongs to the schedule: schedule=ck.Cosine({word}={value})": "warmup final",
        "it belongs to the schedule: schedule=ck.OneCycle({word}={value})": "peak rise",
        "it belongs to the schedule: schedule=ck.Step({word}={value})": "every factor",
        "it belongs to the data: ck.load_cifar10({word}={value})": "root val_size split_seed "
        "download",
        "it belongs to the builder: ck.create_model(name, {word}={value})": "num_classes",
        _LOSS: "loss loss_fn loss_func criterion class_weight class_weights pos_weight weights",
        _METRICS: "metrics scoring eval_metric compute_metrics",
        _SAVING: "checkpoint checkpoints checkpointing checkpoint_dir save save_every ckpt_path "
        "save_best save_best_only save_weights_only save_top_k filepath dirpath filename "
        "enable_checkpointing save_freq save_last",
        "pictures lie in memory and batches are cut there, so there are no workers; leave it "
        "out": "num_workers workers n_workers pin_memory persistent_workers prefetch_factor "
        "dataloader_num_workers use_multiprocessing max_queue_size",
        "pictures are brought to [-1, 1] by themselves, and augment=(ck.Flip(), …) changes those "
        "of train": "transform transforms train_transform test_transform target_transform "
        "normalize mean std item_tfms batch_tfms preprocess image_size",
        "val comes with the splits and is measured after every epoch; leave it "
        "out": "validation_data val_loader valid_loader val_dataloaders eval_set eval_dataset "
        "val_data valid_ds val_ds",
        "train, val and test come together, as splits: ck.train('baseline', "
        "ck.load_cifar10())": "train train_loader trainloader train_dataloaders train_dataset "
        "train_data train_ds training_data dataloader dataloaders loader data dataset splits "
        "y X x targets labels",
        "test is looked at once, at the end: ck.score_on_test(run, data), or track_test=True to "
        "watch it": "test_loader test_data test_dataloaders test_set x_test y_test test_size",
        "device= names one device, and torchrun --nproc_per_node=2 script.py trains on "
        "two": "device_ids devices num_gpus n_gpu strategy num_nodes distributed world_size",
        "write callbacks=[ck.EarlyStopping('val_loss', patience=5)]": "early_stopping early_stop "
        "n_iter_no_change",
        "write callbacks=[ck.GradientClip({value})]": "max_norm",
        "write seeds=[{value}]": "ck.compare.seed",
        "write callbacks=[ck.Mixup(alpha=0.2)]": "mixup mixup_alpha",
        "a column that ends in loss is better when lower, any other when higher; leave it "
        "out": "mode greater_is_better",
        "train pictures come in a new order every epoch, drawn from seed=; leave it "
        "out": "shuffle sampler batch_sampler drop_last",
        "training is counted in epochs: ck.train(…, epochs=3)": "steps max_steps n_steps iters "
        "iterations num_iterations max_iter steps_per_epoch num_steps",
        "a schedule fills all epochs by itself; leave it out": "T_max total_steps last_epoch",
        "a schedule ends at a share of the optimiser's rate: ck.Cosine(final=0.01)": "eta_min "
        "min_lr",
        "write schedule=ck.Step(every=30, factor=0.1)": "milestones drop_every",
        "a run with run_dir='runs/mine' is gone on with by resume=True": "resume resume_from "
        "resume_from_checkpoint initial_epoch start_epoch resume_training",
        "a network begins untrained, and ck.import_weights(network, path) gives it weights of a "
        "file": "pretrained weights_path checkpoint_path",
        "write callbacks=[ck.Progress()]": "progress tqdm",
        "run.history holds the numbers of every epoch, and ck.plots.learning_curves(run) draws "
        "them": "log_every log_interval log_every_n_steps logging_steps plot",
        "the same seed gives the same run by itself; leave it out": "deterministic benchmark",
        "one batch is one step, so choose batch_size=": "accumulate_grad_batches accum_iter "
        "gradient_accumulation_steps accumulation_steps",
        "callbacks=[…] takes what listens, such as ck.Progress() or a ck.Callback of your "
        "own": "hooks listeners loggers wandb tensorboard report_to",
        "the weights of the best epoch by val accuracy are kept as best.safetensors; leave it "
        "out": "Checkpoint.monitor Checkpoint.mode Checkpoint.metric Checkpoint.save_best "
        "Checkpoint.save_best_only Checkpoint.save_top_k Checkpoint.save_last",
        "the folder is the run's own: ck.train(…, run_dir='runs/mine')": "Checkpoint.filepath "
        "Checkpoint.dirpath Checkpoint.filename Checkpoint.path Checkpoint.run_dir",
    }
)

# What to say of a call that was given too much by place.
PLACES = {
    "Trainer": "the network goes to fit: ck.Trainer(ck.Recipe(epochs=3)).fit(network, data)",
    "Trainer.fit": "train, val and test come together, as splits: "
    "ck.Trainer().fit(network, ck.load_cifar10())",
    "ck.train": "train, val and test come together, as splits, and all else has a name: "
    "ck.train('baseline', ck.load_cifar10(), epochs=3)",
}

_TEST = "write ck.evaluate(run, data.val), or ck.score_on_test(run, data) at the end"

# Where that is which people look for as an attribute.
ATTRIBUTES = _by_word(
    {
        _TEST: "Run.evaluate Run.test Run.validate Run.score Trainer.test Trainer.evaluate "
        "Trainer.validate cifarkit.score cifarkit.test",
        "write run.history['val_accuracy'], and run.history.columns has all "
        "names": "Run.accuracy Run.loss Run.val_accuracy Run.val_loss Run.val_acc Run.logs "
        "Run.metrics Run.losses",
        "write ck.predict(run, images)": "Run.predict Run.predict_proba Run.get_preds "
        "Trainer.predict",
        "the network is run.model": "Run.net Run.network Run.module_ Run.parameters Run.eval "
        "Run.state_dict Run.load_state_dict Run.to",
        "write run = ck.train('baseline', data), or ck.Trainer(recipe).fit(network, "
        "data)": "Run.fit Run.train Run.partial_fit Run.fit_one_cycle cifarkit.fit "
        "cifarkit.Learner cifarkit.Net cifarkit.run",
        "write run = ck.Trainer(recipe).fit(network, data)": "Trainer.train Trainer.train_model "
        "Trainer.run",
        "fit returns a run, which has it": "Trainer.model Trainer.history Trainer.state",
        "write ck.plots.learning_curves(run)": "Run.plot Run.show Run.plot_loss History.plot "
        "cifarkit.plot",
        _SAVING: "Run.save Run.export Run.save_model Trainer.save_checkpoint Trainer.save_model "
        "Trainer.save cifarkit.save cifarkit.save_model",
        "write run = ck.load_run('runs/mine')": "Run.load cifarkit.load cifarkit.load_model",
        "write ck.summary(run.model)": "Run.summary",
        "it is the table itself: history['val_loss'], and history.columns has all "
        "names": "History.history History.keys",
        "write pandas.DataFrame(history)": "History.to_pandas History.to_frame",
        "write ck.list_models(), and ck.create_model('resnet20')": "cifarkit.Model "
        "cifarkit.Sequential cifarkit.models cifarkit.ResNet cifarkit.resnet18 cifarkit.nn",
        "write data = ck.load_cifar10(), or ck.load_image_folder, or ck.load_arrays": ""
        "cifarkit.data cifarkit.datasets cifarkit.load_mnist cifarkit.CIFAR10 cifarkit.cifar10 "
        "cifarkit.DataLoader",
        "the optimisers are ck.SGD, ck.Adam, ck.AdamW and ck.Muon": "cifarkit.optim "
        "cifarkit.optimizers",
        "the schedules are ck.Cosine, ck.Linear, ck.OneCycle and ck.Step": "cifarkit.schedulers "
        "cifarkit.ReduceLROnPlateau",
        "the augmentations are ck.Flip, ck.Crop and ck.Cutout": "cifarkit.transforms "
        "cifarkit.augmentations",
        "the callbacks are ck.EarlyStopping, ck.Checkpoint and ck.Progress": "cifarkit.callbacks "
        "cifarkit.ModelCheckpoint",
        _LOSS: "cifarkit.losses cifarkit.loss",
        _METRICS: "cifarkit.metrics",
        "write ck.train('baseline', data, seed=0)": "cifarkit.set_seed cifarkit.seed_everything",
    }
)


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known word that is spelt most like another, if one is near.

    >>> nearest("epohcs", ["epochs", "batch_size"])
    'epochs'
    """
    by_small = {one.lower(): one for one in known}
    found = difflib.get_close_matches(word.lower(), by_small, n=1, cutoff=cutoff)
    return by_small[found[0]] if found else None


def way_for(callee: str, word: str, value: Any, known: Iterable[str]) -> str:
    """Say what to write in place of an argument that is not there.

    Args:
        callee: what was called.
        word: the argument's name.
        value: what was given; `...` where it does not matter.
        known: the names that the call would take.

    >>> way_for("Recipe", "bs", 64, ["epochs", "batch_size"])
    'write batch_size=64'
    >>> way_for("Recipe", "num_workers", 4, ["epochs"])
    'pictures lie in memory and batches are cut there, so there are no workers; leave it out'
    """
    known, shown = list(known), _shown(value)
    ours = SYNONYMS.get(word.lower(), word)
    if ours in known:
        same = ours in ("device", "precision", "progress", "schedule", "optimizer", "augment")
        return f"write {ours}={'…' if same else shown}"
    if way := WAYS.get(f"{callee}.{word}") or WAYS.get(word) or WAYS.get(ours):
        return way.format(word=ours, value=shown)
    if close := nearest(word, known):
        return f"did you mean {close}={shown}?"
    return f"it takes {', '.join(f'{one}=' for one in known)}" if known else "it takes nothing"


def lacking(owner: str, name: str, known: Iterable[str]) -> str:
    """Return what is said when something has no attribute of a name.

    >>> lacking("Run", "predict", [])
    'Run has no predict: write ck.predict(run, images)'
    """
    public = [one for one in known if not one.startswith("_")]
    close = nearest(name, public, cutoff=0.8)
    way = ATTRIBUTES.get(f"{owner}.{name}") if close is None else None
    close = close or nearest(name, public)
    way = way or (f"did you mean {close}?" if close else f"it has {', '.join(public)}")
    return f"{owner} has no {name}: {way}"


def _shown(value: Any) -> str:
    """Return a plain value as it is written, and … for all else."""
    text = repr(value) if isinstance(value, str | int | float | None) else "…"
    return text if len(text) <= 40 else "…"
