"""Tables: what to write in place of arguments and options from other libraries.

`cifarkit.guidance` uses them for the fields of values, the arguments of functions and callbacks,
and the options of the command line. Attributes are in `cifarkit.foreign_names`.
"""

from __future__ import annotations

from cifarkit.synonyms import by_word

__all__ = ["CALLS", "LOSS", "METRICS", "SAVING", "WAYS"]

SAVING = "run_dir='runs/mine' keeps the run with its weights, and ck.Checkpoint saves more often"
METRICS = (
    "loss and accuracy are always measured, and run.log(name, value) in a ck.Callback adds a column"
)
LOSS = "the recipe has one loss: loss=ck.CrossEntropy(), ck.FocalLoss() or your own ck.Loss"
_RECIPE = "it belongs to the recipe: ck.train('baseline', data, {word}={value})"
_TRAINING = "it belongs to training: ck.train('baseline', data, {word}={value})"
_STOPPING = "it belongs to early stopping: callbacks=[ck.EarlyStopping({word}={value})]"
_OPTIMIZER = "it belongs to the optimiser: optimizer=ck."
_TORCH = "only torch's has this setting: optimizer=ck.TorchOptimizer(torch.optim."
_GROUPS = "weights are chosen by their names: groups=ck.Group('backbone.*'"
_SCHEDULE = "it belongs to the schedule: schedule=ck."
_NETWORK = (
    "it belongs to the network: train functools.partial(MyNet, {word}={value}), a builder that "
    "sets it"
)
_IMPORT = (
    "a network begins untrained; ck.import_weights(path, network) gives it the weights of a file, "
    "and ck.Trainer(recipe).fit(network, data) trains it on"
)
_TRANSFORM = (
    "cifarkit scales pictures to [-1, 1] itself; training changes the train pictures: "
    "augment=ck.Flip(), or augment=ck.Transform(…) with torchvision's transforms"
)
_SPLITS = "train, val and test come together, as splits: ck.train('baseline', ck.load_cifar10())"

# Where a misplaced argument belongs, and what replaces one that has no counterpart.
# `Checkpoint.mode` is for `mode` in a call of `Checkpoint`, and `ck.load.train` for `train` in a
# call of any function that begins with `ck.load_`.
WAYS = by_word(
    {
        _RECIPE: "epochs batch_size optimizer schedule augment sampling mix loss clip_norm "
        "groups initialization ema_decay test_time precision",
        _TRAINING: "seed device callbacks run_dir track_test compile show_progress",
        _STOPPING: "column patience min_delta restore",
        _OPTIMIZER + "Adam({word}={value})": "lr betas eps",
        _OPTIMIZER + "AdamW(lr=0.001, {word}={value})": "weight_decay",
        _OPTIMIZER + "SGD(lr=0.1, {word}={value})": "momentum",
        _OPTIMIZER + "SGD(lr=0.1, momentum=0.9, {word}={value})": "nesterov",
        _OPTIMIZER + "RMSprop({word}={value})": "centered",
        _OPTIMIZER + "NAdam({word}={value})": "momentum_decay",
        _OPTIMIZER + "Adagrad({word}={value})": "initial_accumulator_value",
        _TORCH + "Adam, {word}={value})": "amsgrad maximize",
        _TORCH + "SGD, momentum=0.9, {word}={value})": "dampening",
        _TORCH + "Adadelta, {word}={value})": "rho",
        "write alpha={value}": "RMSprop.rho RMSprop.decay RMSprop.beta",
        "write ck.TensorBoard({value})": "TensorBoard.log_dir TensorBoard.logdir "
        "TensorBoard.run_dir TensorBoard.save_dir",
        "it belongs to the recipe: ck.profile('baseline', data, "
        "recipe=ck.Recipe({word}={value}))": "ck.profile.epochs ck.profile.batch_size "
        "ck.profile.optimizer ck.profile.schedule ck.profile.augment ck.profile.sampling "
        "ck.profile.mix ck.profile.loss ck.profile.groups ck.profile.precision",
        "the record names the network; register its builder first, or import the file that "
        "does": "ck.load_run.model ck.load_run.network ck.load_run.builder",
        _GROUPS + ", {word}={value})": "lr_scale frozen_epochs",
        _GROUPS + ", frozen_epochs=1)": "freeze frozen frozen_layers freeze_layers freeze_backbone "
        "trainable",
        _GROUPS + ", lr_scale=0.1)": "layer_decay layerwise_lr_decay discriminative_lr backbone_lr "
        "head_lr",
        _SCHEDULE + "Cosine({word}={value})": "warmup final",
        _SCHEDULE + "OneCycle({word}={value})": "peak rise",
        _SCHEDULE + "Step({word}={value})": "every factor",
        _SCHEDULE + "MultiStep({word}={value})": "milestones",
        _SCHEDULE + "Plateau({word}={value})": "cooldown",
        "it always watches the val loss, where lower is better; leave it out": "Plateau.monitor "
        "Plateau.mode Plateau.metric Plateau.column",
        "a loss is better if it is lower by more than min_delta: ck.Plateau(min_delta=0.001)": (
            "Plateau.threshold_mode"
        ),
        "the lowest rate is a share of the optimiser's: ck.Plateau(final=0.01)": "Plateau.min_lr",
        "it belongs to the data: ck.load_cifar10({word}={value})": "root val_size split_seed "
        "download",
        "write show_progress=False, to ck.train or ck.Trainer": "disable_tqdm silent quiet",
        "write device='cpu', to ck.train or ck.Trainer": "no_cuda use_cpu no_mps",
        "write compile='off', to ck.train or ck.Trainer": "run_eagerly",
        "it belongs to the loss: loss=ck.CrossEntropy({word}={value})": "label_smoothing "
        "class_weights",
        LOSS: "loss_weights sample_weight pos_weight bce_loss from_logits",
        METRICS: "metrics scoring eval_metric compute_metrics weighted_metrics",
        SAVING: "checkpoint checkpoints checkpointing checkpoint_dir save save_every ckpt_path "
        "save_best save_best_only save_weights_only save_top_k filepath dirpath filename "
        "enable_checkpointing save_freq save_last save_model save_steps save_strategy every_steps "
        "save_total_limit best_model_path every_n_epochs",
        _NETWORK: "activation hidden hidden_size hidden_dim hidden_layer_sizes layers n_layers "
        "num_layers width depth bn_momentum bn_eps sync_bn sync_batchnorm normalization batch_norm "
        "drop_path drop_connect drop_block kernel_size in_channels input_shape",
        _IMPORT: "pretrained weights weights_path checkpoint_path initial_checkpoint fine_tune "
        "finetune warm_start backbone",
        _TRANSFORM: "transform transforms train_transform test_transform target_transform "
        "normalize mean std item_tfms batch_tfms preprocess autoaugment randaugment aa "
        "auto_augment no_aug train_transforms",
        "write augment=ck.TrivialAugment()": "trivialaugment trivial_augment ta_wide",
        "write augment=ck.ColorJitter()": "color_jitter colour_jitter jitter",
        "write augment=ck.Rotation(degrees=15)": "rotation rotation_range rotate max_rotate",
        "write augment=ck.Noise()": "noise gaussian_noise",
        "write degrees={value}": "Rotation.angle Rotation.factor Rotation.max_rotate",
        "write sd={value}, counted in bytes from 0 to 255": "Noise.std Noise.sigma Noise.scale",
        "write probability={value}": "Flip.p RandomErasing.p RandomErasing.prob Flip.prob",
        "write area=(0.02, 0.33), shares of the picture": "RandomErasing.scale",
        "write loss=ck.FocalLoss(gamma=2.0)": "focal focal_loss focal_gamma use_focal_loss",
        "they are the weights of the classes: ck.FocalLoss(class_weights='balanced')": "FocalLoss."
        "alpha",
        "a loss is computed for each image, and training takes the mean; leave it out": "reduction "
        "size_average reduce",
        "confidence is mended after training: ck.fit_temperature(run, data)": "temperature "
        "temperature_scaling calibrate",
        "ck.compare(['baseline'], data, seeds=5).table['ensemble'] is the accuracy of all seeds "
        "together": "ensemble n_estimators n_models ensemble_size",
        _SPLITS: "train train_loader trainloader train_dataloaders train_dataset train_data "
        "train_ds training_data dataloader dataloaders loader data dataset splits y X x targets "
        "labels image_set images dataloader_train",
        "it is a layer of the network: ck.Dropout({value})": "dropout drop drop_rate dropout_rate",
        "the data says how many classes there are, and their names; leave it out": "num_classes "
        "classes",
        "the network comes first: ck.train('resnet20', data), or "
        "ck.Trainer(recipe).fit(network, data)": "model",
        "the network goes to fit: ck.Trainer(ck.Recipe(epochs=3)).fit(network, "
        "data)": "Trainer.model",
        "it belongs to the recipe: ck.Trainer(ck.Recipe({word}={value})).fit(network, "
        "data)": "Trainer.epochs Trainer.batch_size Trainer.optimizer Trainer.schedule "
        "Trainer.augment Trainer.loss Trainer.groups Trainer.initialization Trainer.ema_decay "
        "Trainer.test_time Trainer.precision Trainer.fit.epochs Trainer.fit.batch_size "
        "Trainer.fit.optimizer Trainer.fit.schedule Trainer.fit.augment "
        "Trainer.fit.loss Trainer.fit.groups Trainer.fit.precision",
        "it belongs to the recipe's optimiser: "
        "ck.Trainer(ck.Recipe(optimizer=ck.Adam({word}={value}))).fit(network, "
        "data)": "Trainer.lr Trainer.weight_decay Trainer.fit.lr Trainer.fit.weight_decay",
        "it belongs to the trainer: ck.Trainer(ck.Recipe(epochs=3), {word}={value}).fit(network, "
        "data)": "Trainer.fit.seed Trainer.fit.device Trainer.fit.callbacks Trainer.fit.run_dir "
        "Trainer.fit.track_test Trainer.fit.compile Trainer.fit.show_progress",
        "it goes to fit: ck.Trainer(ck.Recipe(epochs=3), run_dir='runs/mine').fit(network, data, "
        "resume=True)": "Trainer.resume",
        "pictures are 32 x 32; a network that needs another size resizes them in its "
        "forward": "image_size img_size input_size resize target_size size",
        "pictures lie in memory and batches are cut there, so there are no workers; leave it "
        "out": "num_workers workers n_workers pin_memory persistent_workers prefetch_factor "
        "dataloader_num_workers use_multiprocessing max_queue_size n_jobs",
        "val comes with the splits and is measured after every epoch; leave it "
        "out": "validation_data val_loader valid_loader val_dataloaders eval_set eval_dataset "
        "val_data valid_ds val_ds validation_steps validation_freq check_val_every_n_epoch "
        "val_check_interval eval_steps eval_strategy evaluation_strategy do_eval test_batch_size "
        "validation_batch_size val_batch_size per_device_eval_batch_size train_split",
        "test is evaluated once, at the end: ck.score_on_test(run, data), or track_test=True to "
        "watch it": "test_loader test_data test_dataloaders test_set x_test y_test test_size",
        "there is one val set; ck.compare(['baseline', 'deeper'], data, seeds=5) trains from "
        "several seeds": "cv folds k_folds n_splits kfold seeds",
        "device= names one device, and torchrun --nproc_per_node=2 script.py trains on "
        "two": "device_ids devices num_gpus n_gpu strategy num_nodes distributed world_size "
        "local_rank dist_url",
        "write callbacks=[ck.EarlyStopping('val_loss', patience=5)]": "early_stopping early_stop "
        "n_iter_no_change",
        "gradients are clipped by their norm: clip_norm=1.0": "clipvalue "
        "clip_value clip_mode gradient_clip_algorithm",
        "it takes single fields, such as epochs=3; a whole recipe belongs to a variant of "
        "your own: @ck.register_model('mine', recipe=recipe)": "ck.train.recipe ck.compare.recipe",
        "write seeds=[{value}]": "ck.compare.seed",
        "the variants come first: ck.compare(['baseline', 'batchnorm'], data)": "ck.compare.model "
        "ck.compare.variants",
        "runs share the processors by themselves; executor= takes a concurrent.futures.Executor "
        "for other machines": "ck.compare.n_jobs ck.compare.num_workers ck.compare.workers",
        "write mix=ck.Mixup(alpha=0.2)": "mixup mixup_alpha",
        "write mix=ck.CutMix(alpha=1.0)": "cutmix cutmix_alpha cutmix_minmax",
        "every batch is mixed: write mix=ck.Mixup(alpha=0.2), or your own ck.Mix": "mixup_prob "
        "cutmix_prob mix_prob mixup_switch_prob mixup_mode mixup_off_epoch",
        "for mixup write mix=ck.Mixup(alpha=0.2), and for an L2 penalty "
        "optimizer=ck.AdamW(weight_decay=0.0005)": "alpha",
        "write augment=ck.Cutout(size=8)": "cutout",
        "write augment=ck.RandomErasing()": "random_erase random_erasing reprob erasing",
        "write augment=(ck.Flip(), ck.Crop(padding=4))": "hflip flip horizontal_flip fliplr "
        "random_flip crop random_crop padding",
        "a column that ends in loss is better when lower, any other when higher; leave it "
        "out": "mode greater_is_better",
        "train pictures come in a new order every epoch, drawn from seed=; leave it "
        "out": "shuffle drop_last dataloader_drop_last",
        "val always has the same share of every class; leave it out": "stratify stratified",
        "training is counted in epochs: ck.train('baseline', data, epochs=3)": "steps max_steps "
        "n_steps iters iterations num_iterations max_iter steps_per_epoch num_steps min_epochs "
        "min_steps",
        "a schedule always fills all epochs; leave it out": "T_max total_steps last_epoch",
        "a schedule ends at a share of the optimiser's rate: ck.Cosine(final=0.01)": "eta_min "
        "min_lr",
        "warm-up is counted in epochs: schedule=ck.Cosine(warmup=5)": "warmup_steps warmup_ratio "
        "num_warmup_steps warmup_lr",
        "write schedule=ck.Step(every=30, factor=0.1)": "drop_every",
        "for the weights write optimizer=ck.AdamW(weight_decay=0.0005), and for the rate "
        "schedule=ck.Step(every=30, factor=0.1)": "decay",
        "a running average of the weights is ema_decay=0.999": "swa swa_start swa_lr",
        "write a subclass of ck.Optimizer that does this, a frozen dataclass whose "
        "build(self, parameters) returns a torch.optim.Optimizer": "lookahead",
        "cifarkit chooses the fastest way itself; leave it out": "channels_last memory_format "
        "fused foreach capturable differentiable gradient_checkpointing grad_checkpointing",
        "an optimiser gets its weights when training starts: optimizer=ck.SGD(lr=0.1)": "params "
        "parameters model_parameters",
        "a run with run_dir='runs/mine' continues with resume=True": "resume resume_from "
        "resume_from_checkpoint initial_epoch start_epoch resume_training",
        "nothing is overwritten: choose another run_dir=, or continue with "
        "resume=True": "overwrite overwrite_output_dir exist_ok",
        "run.history holds the numbers of every epoch, and ck.plots.curves(run) draws "
        "them": "log_every log_interval log_every_n_steps logging_steps plot print_freq "
        "print_every logging_strategy",
        "the same seed always gives the same run; leave it out": "deterministic benchmark",
        "one batch is one step, so choose batch_size=": "accumulate_grad_batches accum_iter "
        "gradient_accumulation_steps accumulation_steps grad_accum_steps",
        "ck.load_synthetic(n_train=200, n_test=50, val_size=20) is small enough to try things "
        "out": "limit_train_batches overfit_batches fast_dev_run dry_run n_train train_size "
        "max_samples num_samples subset",
        "callbacks=[…] takes callbacks, such as ck.Progress() or your own "
        "ck.Callback": "hooks listeners loggers wandb tensorboard report_to log_wandb",
        "the weights of the best epoch by val accuracy are kept as best.safetensors; leave it "
        "out": "Checkpoint.monitor Checkpoint.mode Checkpoint.metric Checkpoint.save_best "
        "Checkpoint.save_best_only Checkpoint.save_top_k Checkpoint.save_last "
        "Checkpoint.save_weights_only",
        "it uses the run's folder: ck.train('baseline', data, "
        "run_dir='runs/mine')": "Checkpoint.filepath Checkpoint.dirpath Checkpoint.filename "
        "Checkpoint.path Checkpoint.run_dir",
        "the progress table shows it; leave it out": "EarlyStopping.verbose Checkpoint.verbose",
        "it has no name; leave it out": "Adagrad.name Adam.name AdamW.name Muon.name NAdam.name "
        "RMSprop.name SGD.name Recipe.name",
        "one call returns all: data.train, data.val and data.test": "ck.load.train ck.load.test "
        "ck.load.split ck.load.is_train ck.load.val ck.load.partition ck.load.subset",
        "test comes with the data; leave it out": "ck.load.test_size",
        "write split_seed={value}": "ck.load.seed",
        "images go through in batches, on the network's device; leave it "
        "out": "ck.evaluate.batch_size ck.predict.batch_size ck.evaluate.device "
        "ck.predict.device ck.evaluate.show_progress ck.predict.show_progress",
        "write ck.evaluate(run, data.val)": "ck.evaluate.images ck.evaluate.y ck.evaluate.split "
        "ck.evaluate.on ck.evaluate.splits ck.evaluate.val_loader ck.evaluate.validation_data",
        "write ck.predict(run, images)": "ck.predict.image_set ck.predict.loader "
        "ck.predict.dataloader ck.predict.splits",
        "a plot is drawn into your axes: ax=matplotlib.pyplot.figure(figsize=(5, "
        "5)).add_subplot()": "ck.plots.figsize ck.plots.figure ck.plots.fig ck.plots.dpi",
        "a grid of pictures is drawn into a whole figure: figure=matplotlib.pyplot.figure("
        "figsize=(5, 5))": "ck.plots.ax ck.plots.samples.figsize ck.plots.samples.fig "
        "ck.plots.predictions.figsize ck.plots.predictions.fig ck.plots.top_losses.figsize "
        "ck.plots.top_losses.fig ck.plots.confused.figsize ck.plots.confused.fig",
        "a plot is matplotlib's axes: ax = ck.plots.curves(run), then "
        "ax.set_title('…')": "ck.plots.title ck.plots.xlabel ck.plots.ylabel ck.plots.xlim "
        "ck.plots.ylim ck.plots.grid ck.plots.legend ck.plots.suptitle ck.plots.fontsize",
        "a plot is matplotlib's axes: ax = ck.plots.curves(run), then "
        "ax.figure.savefig('plot.png')": "ck.plots.save ck.plots.path ck.plots.filename "
        "ck.plots.save_path ck.plots.savefig ck.plots.run_dir",
        "colours are chosen so that everybody can read them; leave it "
        "out": "ck.plots.cmap ck.plots.color ck.plots.colors ck.plots.palette ck.plots.style",
        "a notebook shows it by itself, and a script by matplotlib.pyplot.show(); leave it "
        "out": "ck.plots.show",
        "the names of the classes come with the evaluation; leave it "
        "out": "ck.plots.classes ck.plots.labels ck.plots.display_labels",
        "colours are shares of each row, and counts=True writes the numbers of images; leave it "
        "out": "ck.plots.confusion.normalize ck.plots.confusion.normalized "
        "ck.plots.confusion.annot",
        "it draws one column: ck.plots.curves(run, 'accuracy')": "ck.plots.curves.metrics "
        "ck.plots.curves.metric ck.plots.curves.y ck.plots.curves.loss ck.plots.curves.accuracy",
        "a ck.Evaluation has accuracy, loss and report()": "ck.evaluate.metrics "
        "ck.evaluate.criterion ck.evaluate.loss_fn",
    }
)

# How to call each function; shown when a call has too many or too few arguments.
CALLS = {
    "Trainer": "the network goes to fit: ck.Trainer(ck.Recipe(epochs=3)).fit(network, data)",
    "Trainer.fit": "train, val and test come together, as splits: "
    "ck.Trainer().fit(network, ck.load_cifar10())",
    "ck.train": "train, val and test come together, as splits, and the rest has names: "
    "ck.train('baseline', ck.load_cifar10(), epochs=3)",
    "ck.compare": "variants are a list, and data comes as splits: "
    "ck.compare(['baseline', 'batchnorm'], data, seeds=5)",
    "ck.evaluate": "write ck.evaluate(run, data.val)",
    "ck.predict": "write ck.predict(run, images)",
    "ck.profile": "write ck.profile('baseline', data)",
    "ck.plots.profile": "write ck.plots.profile(ck.profile('baseline', data))",
    "ck.score_on_test": "write ck.score_on_test(run, data)",
    "ck.import_weights": "write ck.import_weights(path, network)",
    "ck.export_onnx": "write ck.export_onnx(run, 'model.onnx')",
    "ck.load_weights": "write ck.load_weights(network, path)",
    "ck.training_batches": "write ck.training_batches(data.train, 64, seed=0, epoch=0)",
    "ck.plots.confusion": "write ck.plots.confusion(ck.evaluate(run, data.val))",
    "ck.plots.confused": "write ck.plots.confused(ck.evaluate(run, data.val), data.val)",
    "ck.plots.curves": "write ck.plots.curves(run, 'accuracy')",
    "ck.plots.predictions": "write ck.plots.predictions(ck.evaluate(run, data.val), data.val, n=9)",
    "ck.plots.samples": "write ck.plots.samples(data.train, n=16)",
    "ck.plots.top_losses": "write ck.plots.top_losses(ck.evaluate(run, data.val), data.val, n=9)",
    "Splits": "write ck.Splits(train, val, test, name='mine')",
    "TorchOptimizer": "a class of torch's, then its settings by name: "
    "ck.TorchOptimizer(torch.optim.RAdam, lr=0.01)",
    "Recipe": "every argument has a name: ck.Recipe(epochs=3, optimizer=ck.SGD(lr=0.1))",
} | {
    kind: f"its weights come when training starts: optimizer=ck.{kind}(lr=0.1)"
    for kind in ("Adagrad", "Adam", "AdamW", "Muon", "NAdam", "RMSprop", "SGD")
}
