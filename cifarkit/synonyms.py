"""Tables: the names of our arguments in other libraries, and examples of their values."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["EXAMPLES", "SYNONYMS", "VALUES", "by_word"]


def by_word(rows: Mapping[str, str]) -> dict[str, str]:
    """Return a table from each word to its meaning, from rows with a meaning and its words."""
    return {word: meaning for meaning, words in rows.items() for word in words.split()}


# The names in other libraries, by our name.
SYNONYMS = by_word(
    {
        "ax": "axes",
        "augment": "augmentation augmentations aug augs data_augmentation",
        "batch_size": "batch bs batchsize train_batch_size per_device_train_batch_size "
        "mini_batch_size minibatch_size",
        "betas": "beta1 beta2 beta_1 beta_2 adam_beta1 adam_beta2 opt_betas",
        "callbacks": "callback cbs",
        "classes": "class_names label_names target_names",
        "column": "monitor metric metric_for_best_model",
        "compile": "torch_compile torchcompile jit_compile use_compile",
        "device": "accelerator use_cuda cuda gpu gpus",
        "ema_decay": "ema model_ema ema_momentum model_ema_decay use_ema ema_rate",
        "epochs": "epoch n_epoch n_epochs nb_epoch num_epochs max_epochs num_train_epochs",
        "eps": "epsilon adam_epsilon opt_eps",
        "every": "step_size lr_step_size decay_epochs",
        "every_steps": "save_freq save_steps every_n_train_steps",
        "factor": "gamma lr_gamma lr_decay lr_decay_rate decay_rate",
        "frozen_epochs": "freeze_epochs freeze_epoch unfreeze_epoch unfreeze_at_epoch",
        "groups": "param_groups parameter_groups",
        "image_set": "images_set dataset data test_data test_set",
        "images": "x inputs",
        "label_smoothing": "smoothing label_smoothing_factor",
        "loss": "loss_fn loss_func criterion loss_function",
        "class_weights": "class_weight weight",
        "lr": "learning_rate learning_rate_init base_lr init_lr initial_lr lr_base lr_rate eta0",
        "lr_scale": "lr_mult lr_mults lr_multiplier",
        "clip_norm": "max_norm max_grad_norm clipnorm clip grad_clip gradient_clip clip_grad "
        "gradient_clip_val gradient_clipping clip_grad_norm global_clipnorm",
        "milestones": "decay_milestones lr_milestones lr_steps",
        "min_delta": "delta tol threshold",
        "model": "net network module arch architecture model_name model_init",
        "n": "num_images num_samples n_images n_samples max_n",
        "nesterov": "nesterovs_momentum use_nesterov",
        "num_classes": "n_classes nb_classes",
        "optimizer": "opt optim opt_func optimiser optimizers solver",
        "patience": "early_stopping_patience patience_epochs",
        "peak": "max_lr lr_max",
        "precision": "fp16 amp bf16 half mixed_precision use_amp dtype tf32 autocast",
        "restore": "restore_best_weights restore_best load_best load_best_model_at_end",
        "rise": "pct_start",
        "root": "data_dir data_root data_path root_dir cache_dir",
        "run_dir": "output_dir out_dir log_dir logdir save_dir default_root_dir logger output "
        "save_path logging_dir model_dir experiment experiment_name run_name name project",
        "sampling": "sampler batch_sampler weighted_sampler train_sampler oversample oversampling "
        "undersampling balanced_sampling",
        "schedule": "scheduler lr_scheduler lr_scheduler_type lr_schedule sched",
        "seed": "random_state random_seed manual_seed data_seed",
        "seeds": "n_seeds num_seeds repeats n_repeats n_runs trials n_trials",
        "show_progress": "verbose progress progress_bar enable_progress_bar tqdm",
        "splits": "datasets dls datamodule dm",
        "test_time": "tta test_time_augmentation",
        "val_accuracy": "acc accuracy val_acc valid_acc valid_accuracy eval_accuracy",
        "val_loss": "valid_loss eval_loss validation_loss",
        "val_size": "validation_split val_split valid_pct val_fraction validation_fraction "
        "validation_size valid_size val_ratio",
        "variants": "models networks names",
        "warmup": "warmup_epochs num_warmup_epochs",
        "weight_decay": "wd l2 l2_reg",
    }
)

# Examples of our arguments; a value given for a foreign word replaces one of the same kind.
EXAMPLES = {
    "augment": "(ck.Flip(), ck.Crop())",
    "ax": "ax",
    "batch_size": "64",
    "betas": "(0.9, 0.999)",
    "callbacks": "[ck.EarlyStopping()]",
    "column": "'val_loss'",
    "compile": "'on'",
    "device": "'cuda'",
    "ema_decay": "0.999",
    "epochs": "10",
    "eps": "1e-08",
    "every": "30",
    "every_steps": "500",
    "factor": "0.1",
    "final": "0.01",
    "frozen_epochs": "1",
    "groups": "ck.Group('backbone.*', lr_scale=0.1)",
    "initialization": "ck.Whitening()",
    "class_weights": "'balanced'",
    "clip_norm": "1.0",
    "label_smoothing": "0.1",
    "loss": "ck.CrossEntropy()",
    "lr": "0.1",
    "lr_scale": "0.1",
    "max_norm": "1.0",
    "milestones": "(30, 40)",
    "min_delta": "0.001",
    "mix": "ck.Mixup(alpha=0.2)",
    "model": "'baseline'",
    "momentum": "0.9",
    "nesterov": "True",
    "optimizer": "ck.SGD(lr=0.1, momentum=0.9)",
    "patience": "5",
    "peak": "0.1",
    "precision": "'bfloat16'",
    "restore": "True",
    "resume": "True",
    "rise": "0.3",
    "root": "'data'",
    "run_dir": "'runs/mine'",
    "sampling": "ck.Balanced()",
    "schedule": "ck.Cosine()",
    "seed": "0",
    "seeds": "5",
    "show_progress": "False",
    "test_time": "ck.TestTimeAugmentation()",
    "track_test": "True",
    "val_size": "0.1",
    "warmup": "5",
    "weight_decay": "0.0005",
}

# What the value of a foreign word means here, in small letters: a text, or the name of a class.
VALUES = {
    "compile": by_word({"'off'": "false", "'on'": "true"}),
    "device": by_word({"'cpu'": "cpu false", "'cuda'": "cuda gpu true"}),
    "optimizer": by_word(
        {
            "ck.Adagrad(lr=0.01)": "adagrad",
            "ck.Adam(lr=0.001)": "adam",
            "ck.AdamW(lr=0.001)": "adamw",
            "ck.Muon()": "muon",
            "ck.NAdam(lr=0.002)": "nadam",
            "ck.RMSprop(lr=0.01)": "rmsprop",
            "ck.SGD(lr=0.1, momentum=0.9)": "sgd",
            "ck.TorchOptimizer(torch.optim.Adadelta, lr=1.0)": "adadelta",
            "ck.TorchOptimizer(torch.optim.Adafactor, lr=0.01)": "adafactor",
            "ck.TorchOptimizer(torch.optim.Adamax, lr=0.002)": "adamax",
            "ck.TorchOptimizer(torch.optim.RAdam, lr=0.001)": "radam",
        }
    ),
    "precision": by_word({"'float32'": "false float float32 torchfloat32 32 32true"}),
    "schedule": by_word(
        {
            "ck.Constant()": "constant constantlr none false",
            "ck.Constant(warmup=5)": "linearlr",
            "ck.Cosine()": "cosine cosineannealing cosineannealinglr cosinedecay",
            "ck.Linear()": "linear polynomial polynomiallr polynomialdecay",
            "ck.OneCycle()": "onecycle onecyclelr",
            "ck.MultiStep(milestones=(30, 40), factor=0.1)": "multistep multisteplr",
            "ck.Plateau(factor=0.1, patience=10)": "plateau reducelronplateau reduceonplateau",
            "ck.Step(every=30, factor=0.1)": "step steplr exponential exponentiallr "
            "exponentialdecay",
        }
    ),
}
