"""Tables: what to write in place of attributes and hooks from other libraries.

As in `cifarkit.foreign_words`. A key is owner and name, joined by a dot; `[]` stands for taking an
item, and `()` for a call.
"""

from __future__ import annotations

from cifarkit.foreign_words import LOSS, METRICS, SAVING
from cifarkit.synonyms import by_word

__all__ = ["ATTRIBUTES", "HOOK_NAMES"]

_TEST = "write ck.evaluate(run, data.val), or ck.score_on_test(run, data) at the end"
_HISTORY = "write run.history['val_accuracy'], and run.history.columns has all names"
_PREDICT = "write ck.predict(run, images)"
_CURVES = "write ck.plots.curves(run), or ck.plots.curves(run, 'accuracy')"
_CONFUSION = "write ck.plots.confusion(ck.evaluate(run, data.val))"
_DATA = "write data = ck.load_cifar10(), or ck.load_image_folder, or ck.load_arrays"
_SPLIT = "train, val and test come together: data = ck.load_cifar10(val_size=0.1)"
_SEED = "write ck.train('baseline', data, seed=0)"
_TRANSFORMS = (
    "the augmentations are ck.Flip, ck.Crop, ck.Rotation, ck.ColorJitter, ck.Cutout, "
    "ck.RandomErasing, ck.Noise, ck.TrivialAugment, and ck.Transform for torchvision's; "
    "ck.Mixup is a mix: mix=ck.Mixup()"
)
_GRAD_CAM = (
    "write ck.plots.grad_cam(run, ck.evaluate(run, data.val), data.val), or ck.grad_cam(run, "
    "images) for the numbers"
)
_TEMPERATURE = (
    "write temperature = ck.fit_temperature(run, data), then temperature.applied(evaluation)"
)
_SCORES = (
    "a ck.Evaluation has it: evaluation = ck.evaluate(run, data.val), then evaluation.accuracy, "
    "evaluation.confusion, evaluation.per_class and evaluation.report()"
)
_SAMPLES = "write ck.plots.samples(data.train, n=16)"
_ONE_SET = "they are in each of the three sets, such as data.train.images and data.train.labels"

ATTRIBUTES = by_word(
    {
        _TEST: "Run.evaluate Run.test Run.validate Run.score Trainer.test Trainer.evaluate "
        "Trainer.validate cifarkit.score cifarkit.test",
        "write ck.score_on_test(run, data), which has accuracy and "
        "loss": "Run.test_accuracy Run.test_acc Run.test_loss Run.test_score",
        _HISTORY: "Run.accuracy Run.loss Run.val_accuracy Run.val_loss Run.val_acc Run.logs "
        "Run.metrics Run.losses Run.train_loss Run.train_accuracy Run.best_val_accuracy",
        _PREDICT: "Run.predict Run.predict_proba Run.get_preds Trainer.predict",
        "write run.model(images), or ck.predict(run, images)": "Run.() Run.forward",
        "the network is run.model": "Run.net Run.network Run.module_ Run.parameters Run.eval "
        "Run.state_dict Run.load_state_dict Run.to",
        "write run = ck.train('baseline', data), or ck.Trainer(recipe).fit(network, "
        "data)": "Run.fit Run.train Run.partial_fit Run.fit_one_cycle cifarkit.fit "
        "cifarkit.Learner cifarkit.Net cifarkit.run",
        "write run = ck.Trainer(recipe).fit(network, data)": "Trainer.train Trainer.train_model "
        "Trainer.run",
        "fit returns a run, which has it": "Trainer.model Trainer.history Trainer.state",
        _CURVES: "Run.plot Run.show Run.plot_loss History.plot cifarkit.plot "
        "cifarkit.plot_history cifarkit.plot_curves cifarkit.plot_loss cifarkit.plot_accuracy "
        "cifarkit.plot_learning_curves ck.plots.history ck.plots.accuracy ck.plots.loss "
        "ck.plots.learning_curve ck.plots.learning_curves ck.plots.plot ck.plots.losses "
        "ck.plots.metrics ck.plots.training ck.plots.train ck.plots.plot_history "
        "ck.plots.training_curves ck.plots.plot_loss",
        _CONFUSION: "cifarkit.plot_confusion cifarkit.plot_confusion_matrix "
        "cifarkit.ConfusionMatrixDisplay cifarkit.ConfusionMatrix ck.plots.confusion_matrix "
        "ck.plots.plot_confusion_matrix ck.plots.plot_confusion ck.plots.heatmap ck.plots.matrix",
        "write ck.plots.reliability(ck.evaluate(run, data.val))": "ck.plots.calibration "
        "ck.plots.reliability_diagram ck.plots.calibration_curve ck.plots.ece",
        _SAMPLES: "cifarkit.show_batch cifarkit.show_images cifarkit.imshow cifarkit.plot_images "
        "cifarkit.show ck.plots.images ck.plots.pictures ck.plots.show_batch ck.plots.imshow "
        "ck.plots.grid ck.plots.image ck.plots.batch ck.plots.data",
        "a notebook shows a plot by itself; in a script write ck.plots.curves(run), then "
        "matplotlib.pyplot.show()": "ck.plots.show ck.plots.plt ck.plots.savefig ck.plots.save",
        SAVING: "Run.save Run.export Run.save_model Trainer.save_checkpoint Trainer.save_model "
        "Trainer.save cifarkit.save cifarkit.save_model",
        "write run = ck.load_run('runs/mine')": "Run.load cifarkit.load cifarkit.load_model",
        "write ck.summary(run.model)": "Run.summary",
        "it is the table itself: history['val_loss'], and history.columns has all "
        "names": "History.history History.keys",
        "write pandas.DataFrame(history)": "History.to_pandas History.to_frame",
        "write ck.list_models(), and ck.create_model('resnet20')": "cifarkit.Model "
        "cifarkit.Sequential cifarkit.models cifarkit.ResNet cifarkit.resnet18 cifarkit.nn",
        _DATA: "cifarkit.data cifarkit.datasets cifarkit.load_mnist cifarkit.CIFAR10 "
        "cifarkit.cifar10 cifarkit.DataLoader",
        _SPLIT: "cifarkit.random_split cifarkit.train_test_split cifarkit.split "
        "cifarkit.train_val_split",
        "the optimisers are ck.SGD, ck.Adam, ck.AdamW, ck.NAdam, ck.RMSprop, ck.Adagrad and "
        "ck.Muon, and ck.TorchOptimizer takes the others of torch.optim": "cifarkit.optim "
        "cifarkit.optimizers",
        "write ck.TorchOptimizer, as in ck.TorchOptimizer(torch.optim.RAdam, "
        "lr=0.001)": "cifarkit.Adadelta cifarkit.Adafactor cifarkit.Adamax cifarkit.ASGD "
        "cifarkit.RAdam cifarkit.Rprop",
        "the schedules are ck.Cosine, ck.Linear, ck.MultiStep, ck.OneCycle, ck.Plateau and "
        "ck.Step": "cifarkit.schedulers",
        "write ck.Plateau(factor=0.1, patience=10)": "cifarkit.ReduceLROnPlateau",
        "write ck.MultiStep(milestones=(30, 40), factor=0.1)": "cifarkit.MultiStepLR",
        "write ck.Step(every=30, factor=0.1)": "cifarkit.StepLR",
        "write ck.Cosine()": "cifarkit.CosineAnnealingLR",
        "write ck.OneCycle()": "cifarkit.OneCycleLR",
        _TRANSFORMS: "cifarkit.augmentations",
        "augmentations come as a tuple, augment=(ck.Flip(), ck.Crop()), and cifarkit scales "
        "pictures to [-1, 1] itself": "cifarkit.Compose cifarkit.ToTensor cifarkit.Normalize",
        "write augment=ck.Crop(padding=4)": "cifarkit.RandomCrop cifarkit.RandomResizedCrop",
        "write augment=ck.Flip()": "cifarkit.RandomHorizontalFlip cifarkit.HorizontalFlip "
        "cifarkit.RandomFlip",
        "write augment=ck.Rotation(degrees=15)": "cifarkit.RandomRotation cifarkit.RandomRotate",
        "write augment=ck.TrivialAugment()": "cifarkit.TrivialAugmentWide",
        "write augment=ck.ColorJitter()": "cifarkit.ColourJitter cifarkit.RandomBrightness "
        "cifarkit.RandomContrast",
        "write augment=ck.Noise()": "cifarkit.GaussianNoise cifarkit.RandomNoise",
        "torchvision's transforms go into ck.Transform: "
        "augment=ck.Transform(…)": "cifarkit.RandomAffine cifarkit.RandAugment "
        "cifarkit.AutoAugment cifarkit.RandomVerticalFlip cifarkit.Resize",
        "write mix=ck.Mixup(), or mix=ck.CutMix()": "cifarkit.MixUp cifarkit.mixup cifarkit.cutmix "
        "cifarkit.Cutmix cifarkit.RandomMixup cifarkit.RandomCutmix",
        "write sampling=ck.Balanced()": "cifarkit.WeightedRandomSampler cifarkit.WeightedSampler "
        "cifarkit.BalancedSampler cifarkit.ImbalancedDatasetSampler",
        "the samplings are ck.Shuffled and ck.Balanced": "cifarkit.RandomSampler "
        "cifarkit.SequentialSampler cifarkit.Sampler cifarkit.samplers",
        "the callbacks are ck.EarlyStopping, ck.Checkpoint and ck.Progress": "cifarkit.callbacks "
        "cifarkit.ModelCheckpoint",
        LOSS: "cifarkit.losses cifarkit.loss cifarkit.BCEWithLogitsLoss cifarkit.MSELoss",
        "write loss=ck.CrossEntropy(), which takes class_weights= and "
        "label_smoothing=": "cifarkit.CrossEntropyLoss cifarkit.NLLLoss "
        "cifarkit.CategoricalCrossentropy cifarkit.SparseCategoricalCrossentropy "
        "cifarkit.LabelSmoothing cifarkit.LabelSmoothingCrossEntropy",
        "write loss=ck.FocalLoss(gamma=2.0)": "cifarkit.Focal cifarkit.focal_loss "
        "cifarkit.sigmoid_focal_loss cifarkit.CategoricalFocalCrossentropy",
        "write loss=ck.MultiMargin()": "cifarkit.MultiMarginLoss cifarkit.HingeLoss "
        "cifarkit.CategoricalHinge",
        "write loss=ck.CrossEntropy(class_weights='balanced')": "cifarkit.class_weight "
        "cifarkit.class_weights cifarkit.compute_class_weight",
        "write clip_norm=1.0, as in ck.train('baseline', data, "
        "clip_norm=1.0)": "cifarkit.clip_grad_norm_ cifarkit.clip_grad_norm "
        "cifarkit.clip_gradients cifarkit.GradClip",
        _GRAD_CAM: "cifarkit.GradCAM cifarkit.GradCam cifarkit.gradcam cifarkit.LayerGradCam "
        "cifarkit.saliency ck.plots.gradcam ck.plots.cam ck.plots.saliency",
        _TEMPERATURE: "cifarkit.temperature cifarkit.TemperatureScaling "
        "cifarkit.temperature_scaling cifarkit.temperature_scale "
        "cifarkit.ModelWithTemperature cifarkit.set_temperature Run.temperature "
        "Evaluation.temperature Evaluation.calibrated",
        "write ck.calibrate(evaluation)": "Evaluation.calibrate Evaluation.calibration "
        "Evaluation.ece Evaluation.calibration_error",
        "write ck.compare(['baseline'], data, seeds=5).table['ensemble'], the accuracy of all "
        "seeds together": "cifarkit.ensemble cifarkit.Ensemble cifarkit.DeepEnsemble "
        "cifarkit.VotingClassifier",
        "write comparison.table['ensemble']": "Comparison.ensemble Comparison.ensembles "
        "Comparison.vote",
        METRICS: "cifarkit.metrics",
        _SCORES: "cifarkit.accuracy_score cifarkit.accuracy cifarkit.f1_score "
        "cifarkit.precision_score cifarkit.recall_score cifarkit.classification_report "
        "cifarkit.confusion_matrix",
        _SEED: "cifarkit.set_seed cifarkit.seed_everything cifarkit.manual_seed "
        "cifarkit.random_seed cifarkit.seed",
        "write evaluation.confusion, and ck.plots.confusion(evaluation) draws "
        "it": "Evaluation.confusion_matrix Evaluation.matrix Evaluation.cm Evaluation.plot",
        "write evaluation.predicted": "Evaluation.predictions Evaluation.y_pred Evaluation.preds "
        "Evaluation.prediction Evaluation.pred",
        "write evaluation.labels": "Evaluation.y_true Evaluation.targets Evaluation.truth "
        "Evaluation.true",
        "write evaluation.probabilities": "Evaluation.probs Evaluation.proba "
        "Evaluation.predict_proba Evaluation.softmax Evaluation.y_prob Evaluation.scores",
        "write evaluation.accuracy": "Evaluation.acc Evaluation.score Evaluation.val_accuracy "
        "Evaluation.test_accuracy Evaluation.top1 Evaluation.val_acc Evaluation.test_acc",
        "write 1 - evaluation.accuracy": "Evaluation.error Evaluation.error_rate",
        "write evaluation.per_class, a table with precision, recall and f1 of each "
        "class": "Evaluation.f1 Evaluation.recall Evaluation.precision Evaluation.f1_score "
        "Evaluation.class_accuracy Evaluation.accuracies Evaluation.metrics "
        "Evaluation.per_class_accuracy",
        "write print(evaluation.report())": "Evaluation.classification_report Evaluation.summary "
        "Evaluation.print",
        "write ck.top_losses(evaluation)": "Evaluation.top_losses Evaluation.mistakes "
        "Evaluation.errors Evaluation.wrong Evaluation.misclassified",
        "write ck.confused_pairs(evaluation)": "Evaluation.confused Evaluation.most_confused",
        "write .images": "ImageSet.data ImageSet.x ImageSet.X ImageSet.imgs ImageSet.pictures "
        "ImageSet.inputs ImageSet.samples ImageSet.tensors",
        "write .labels": "ImageSet.targets ImageSet.y ImageSet.target ImageSet.Y ImageSet.label",
        "write .classes, whose indices are the labels": "ImageSet.class_to_idx "
        "ImageSet.class_names ImageSet.names ImageSet.label_names ImageSet.features",
        "write len(data.classes)": "ImageSet.num_classes ImageSet.n_classes Splits.num_classes "
        "Splits.n_classes Splits.c",
        "write .images.shape, or len(data.train)": "ImageSet.shape ImageSet.size",
        "write ck.plots.samples(data.train)": "ImageSet.plot ImageSet.show ImageSet.show_batch "
        "Splits.show_batch Splits.plot Splits.show",
        "write data.classes": "Splits.class_names Splits.label_names Splits.vocab "
        "Splits.class_to_idx Splits.names Splits.labels_names",
        "the sets are data.train, data.val and data.test": "Splits.valid Splits.validation "
        "Splits.train_ds Splits.valid_ds Splits.train_set Splits.test_set Splits.val_set "
        "Splits.dev Splits.[] Splits.keys Splits.items Splits.values Splits.training "
        "Splits.train_data Splits.val_data Splits.test_data Splits.split",
        _ONE_SET: "Splits.x_train Splits.y_train Splits.x_test Splits.y_test Splits.x_val "
        "Splits.y_val Splits.X_train Splits.X_test Splits.X_val Splits.images Splits.labels "
        "Splits.data Splits.targets Splits.x Splits.y Splits.X",
        "write ck.training_batches(data.train, 64, seed=0, epoch=0)": "Splits.train_loader "
        "Splits.train_dataloader Splits.val_loader Splits.test_loader Splits.dataloader "
        "Splits.loaders Splits.batches Splits.one_batch ImageSet.loader ImageSet.batches "
        "ImageSet.dataloader ImageSet.batch",
        "write predictions.names, or predictions.labels for their numbers": "Predictions.classes_ "
        "Predictions.predicted Predictions.predictions Predictions.preds Predictions.class_names "
        "Predictions.argmax Predictions.y_pred Predictions.top1 Predictions.name "
        "Predictions.label Predictions.label_names",
        "write predictions.confidences, or predictions.probabilities for all "
        "classes": "Predictions.probs Predictions.scores Predictions.proba Predictions.logits "
        "Predictions.confidence Predictions.score Predictions.probability Predictions.prob",
        "write ck.evaluate(run, data.val), which knows the labels": "Predictions.accuracy "
        "Predictions.acc Predictions.loss Predictions.confusion",
        "write comparison.runs['baseline'][0] for a run, and comparison.table for the "
        "numbers": "Comparison.[] Comparison.results Comparison.scores Comparison.models "
        "Comparison.accuracies Comparison.means Comparison.mean Comparison.accuracy "
        "Comparison.df Comparison.to_pandas Comparison.dataframe Comparison.run "
        "Comparison.histories Comparison.to_frame",
        "write comparison.best()": "Comparison.winner Comparison.best_model Comparison.best_run "
        "Comparison.best_variant",
        "write print(comparison)": "Comparison.summary Comparison.report Comparison.print",
        "write comparison.pairs or comparison.verdicts": "Comparison.p_values Comparison.pvalues "
        "Comparison.p_value Comparison.significance Comparison.tests Comparison.p",
        "write ck.plots.comparison(comparison)": "Comparison.plot Comparison.show",
    }
)

# The hooks of Keras, Lightning, fastai, skorch and Hugging Face.
HOOK_NAMES = by_word(
    {
        "on_fit_start": "on_train_begin on_train_start on_fit_begin on_init_end before_fit "
        "on_training_start on_start",
        "on_epoch_start": "on_epoch_begin on_train_epoch_start before_epoch before_train "
        "on_train_epoch_begin",
        "on_batch_start": "on_batch_begin on_train_batch_begin on_train_batch_start "
        "on_step_begin before_batch on_step_start",
        "on_backward_end": "on_after_backward on_before_optimizer_step on_grad_computed "
        "after_backward on_pre_optimizer_step before_step on_before_zero_grad",
        "on_batch_end": "on_train_batch_end on_step_end on_substep_end after_batch "
        "on_optimizer_step after_step",
        "on_epoch_end": "on_train_epoch_end on_validation_end on_validation_epoch_end "
        "on_test_end on_evaluate on_log on_save after_epoch after_train after_validate "
        "on_validation_epoch_start on_validation_start",
        "on_fit_end": "on_train_end after_fit on_training_end on_exception on_end",
    }
)
